import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import type { UnavailableReason } from "../../src/contract/error-details.js";
import { StateError } from "../../src/contract/errors.js";

const NEVER_DELETE =
  "keep the file: look at a copy of it with PRAGMA integrity_check, or restore a backup; one failed read can look like this, so never delete it on this evidence alone";

/** By SQLite's code, or the first part of it: why nothing was written, and what to do. */
const UNAVAILABLE: Readonly<Record<string, readonly [reason: UnavailableReason, message: string]>> = {
  BUSY: ["busy", "another connection holds the lock of the database file"],
  LOCKED: ["busy", "another statement holds the lock of the database"],
  FULL: ["refused", "the disk is full: make room for the database file and its write-ahead log"],
  TOOBIG: ["refused", "the database refuses something of this size"],
  NOMEM: ["refused", "there is not enough memory for this piece of work"],
  READONLY: [
    "setup",
    "the database cannot be written: give this user the right to write the file and its folder; where it has that, the head of the file is damaged",
  ],
  PERM: ["setup", "this user may not open the database file"],
  AUTH: ["setup", "this user may not use the database"],
  CANTOPEN: [
    "setup",
    "the database cannot be opened: this user must be able to write the file and its folder",
  ],
  IOERR_SHMSIZE: [
    "setup",
    "the disk is full, or fails: there must be room for what the processes share about the log (-shm)",
  ],
  IOERR: ["setup", "the operating system failed to read or write the database file: look at the disk"],
};

/** SQLite's messages for a schema that does not match its version number. */
const WRONG_SCHEMA =
  /^(no such (table|column)|(table|view|index) \w+ already exists|view \w+ may not be altered|unsupported file format)/;

const ORPHANED_JOURNAL =
  "a rollback journal, which Groundstate never leaves, lies beside the database: if it belongs to it, open the database once with the sqlite3 program, otherwise move the journal away";

/** Turns a SqliteError into a StateError; nothing was written. Returns anything else unchanged. */
export function translate(error: unknown): unknown {
  const code = sqliteCode(error);
  if (code === undefined) return error;
  const detail = code.slice("SQLITE_".length);
  const family = detail.split("_")[0] as string;
  // A short read means that the file was cut off.
  if (family === "CORRUPT" || family === "NOTADB" || detail === "IOERR_SHORT_READ")
    return corruptError(`SQLite cannot read the file (${code})`, error);
  if (WRONG_SCHEMA.test((error as Error).message)) {
    return corruptError("tables of the database are missing or changed", error);
  }
  if (family === "CANTOPEN" || family === "IOERR") {
    const handleError = openHandleError();
    if (isOutOfHandles(handleError)) return setupError(NO_HANDLE_LEFT, error);
  }
  if (detail === "READONLY_ROLLBACK") return setupError(ORPHANED_JOURNAL, error);
  const [reason, message] = UNAVAILABLE[detail] ??
    UNAVAILABLE[family] ?? ["refused", "SQLite refused the work"];
  return new StateError("UNAVAILABLE", `${message} (${code})`, { details: { reason }, cause: error });
}

/** The StateError for a failed COMMIT. */
export function translateCommit(error: unknown, rolledBack: boolean): unknown {
  const family = sqliteCode(error)?.split("_")[1];
  // A full disk cuts off the commit's last page. A failed write or fsync does not say how much reached the log, and
  // what did may come back with the next recovery.
  if (rolledBack && (family === "BUSY" || family === "FULL")) return translate(error);
  return new StateError("OUTCOME_UNKNOWN", "the commit failed while it was being made durable", {
    details: {},
    cause: error,
  });
}

/** CORRUPT, with advice on what to do and what not to do. */
export function corruptError(finding: string, cause?: unknown): StateError<"CORRUPT"> {
  return new StateError("CORRUPT", `${finding}: ${NEVER_DELETE}`, { details: {}, cause });
}

export function storeClosed(): StateError<"STORE_CLOSED"> {
  return new StateError("STORE_CLOSED", "the store is closed", { details: {} });
}

/** UNAVAILABLE with the reason `setup`: it stays until a person fixes it. */
export function setupError(message: string, cause?: unknown): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", isOutOfHandles(cause) ? NO_HANDLE_LEFT : message, {
    details: { reason: "setup" },
    cause,
  });
}

const NO_HANDLE_LEFT =
  "this process has as many files open as it may (EMFILE): raise that limit (ulimit -n, LimitNOFILE of systemd), or close stores; a store on a SQLite file takes about eight";

function isOutOfHandles(cause: unknown): boolean {
  return (
    cause instanceof Error && /\bE[MN]FILE\b/.test(`${(cause as { code?: unknown }).code} ${cause.message}`)
  );
}

/** The system's error when no more files can be opened; SQLite does not pass it on. */
function openHandleError(): unknown {
  try {
    closeSync(openSync(devNull, "r"));
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Runs `work` and translates what SQLite throws. */
export function translated<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translate(error);
  }
}

/** Tests the shape and not the class: the package of that class may be loaded more than once. */
function sqliteCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== "SqliteError") return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === "string" && code.startsWith("SQLITE_") ? code : "SQLITE_ERROR";
}
