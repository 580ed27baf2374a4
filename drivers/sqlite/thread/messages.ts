import type { ApplyOptions, Session } from "../../../src/contract/driver.js";
import type { SqliteSettings } from "../config.js";
import type { DatabaseFiles } from "../file-identity.js";
import type { PackedCommits } from "./packed-commits.js";
import type { PackedError } from "./packed-error.js";

export type Work =
  /** With `files`, where an earlier thread wrote: this one goes on there and nowhere else. Answered by the files. */
  | { readonly op: "open"; readonly settings: SqliteSettings; readonly files?: DatabaseFiles }
  | { readonly op: "apply"; readonly commits: PackedCommits; readonly options: ApplyOptions }
  | { readonly op: "sweep"; readonly session: Session }
  | { readonly op: "backup"; readonly target: string }
  | { readonly op: "close" };

/** `file` is one of those that the thread serves, by a number that whoever asks has chosen. */
export type Request = Work & { readonly id: number; readonly file: number };

/** One per request; those of one file in their order. */
export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: PackedError };
