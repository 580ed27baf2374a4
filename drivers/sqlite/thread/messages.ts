import type { ApplyOptions } from "../../../src/driver.js";
import type { SqliteSettings } from "../config.js";
import type { DatabaseFiles } from "../file-identity.js";
import type { PackedCommits } from "./packed-commits.js";
import type { PackedError } from "./packed-error.js";

/** What a thread that writes is started with. */
export interface ThreadData {
  readonly settings: SqliteSettings;
  /** Where an earlier thread wrote; this one goes on there and nowhere else. */
  readonly files?: DatabaseFiles;
}

export type Work =
  | { readonly op: "apply"; readonly commits: PackedCommits; readonly options: ApplyOptions }
  | { readonly op: "erase"; readonly session: readonly [tenant: string, user: string, session: string] }
  | { readonly op: "close" };

export type Request = Work & { readonly id: number };

/** One per request, in their order. */
export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: PackedError };

/** The answer that says that the database is open; its value are the files. */
export const OPENED = 0;
