import type { ApplyOptions, EraseTarget } from "../../../src/contract/driver.js";
import type { SqliteSettings } from "../config.js";
import type { DatabaseFiles } from "../file-identity.js";
import type { PackedCommits } from "./packed-commits.js";
import type { PackedError } from "./packed-error.js";

export type Work =
  /** Answered by the files. With `files`, the database must still be in these files, which an earlier thread wrote to. */
  | { readonly op: "open"; readonly settings: SqliteSettings; readonly files?: DatabaseFiles }
  | { readonly op: "apply"; readonly commits: PackedCommits; readonly options: ApplyOptions }
  | { readonly op: "sweep"; readonly target: EraseTarget }
  | { readonly op: "backup"; readonly target: string }
  | { readonly op: "give back" }
  | { readonly op: "empty log" }
  | { readonly op: "close" };

/** `file` is a number that the sender has chosen for one of the thread's files. */
export type Request = Work & { readonly id: number; readonly file: number };

/** One per request. The answers for one file keep the order of the requests. */
export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: PackedError };
