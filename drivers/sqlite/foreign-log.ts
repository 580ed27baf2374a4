import { execFileSync } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import { corruptError } from "./errors.js";
import { LogChecksum } from "./log-checksum.js";

/**
 * Two counters in the head of a database (https://sqlite.org/fileformat2.html, 1.3): of changes to its first page, and of
 * changes to its schema. Neither ever decreases within one database. A copy made by SQLite starts with other values.
 */
interface Head {
  readonly changes: number;
  readonly schema: number;
}

/** The database heads in a log: the versions of the first page that its commits wrote. */
interface LoggedHeads {
  /** The log's own head, which differs after each reset. */
  readonly mark: string;
  readonly first: Head;
  readonly last: Head;
}

const MAGIC = "SQLite format 3\0";
const HEAD_BYTES = 100;
const LOG_HEAD_BYTES = 32;
const FRAME_HEAD_BYTES = 24;

/**
 * CORRUPT when the log beside the database belongs to another state of it, as when a backup was restored over a database
 * that had crashed: SQLite would play the log in and mix the two. Can detect this only if the log holds the database's
 * head, which it does once the database has grown. Takes the real path.
 */
export function refuseForeignLog(path: string): void {
  const log = `${path}-wal`;
  // Old frames behind the end of the log may look foreign. The second check reads the whole log, so it comes last.
  if (!isForeign(path, log, headFrames) || !isForeign(path, log, checkedHeadFrames)) return;
  throw corruptError(
    `the log ${log} belongs to another state of the database than ${path}, and playing it in would mix the two; if the file is a backup that was put back, move the log and ${path}-shm away`,
  );
}

function isForeign(path: string, log: string, read: ReadFrames): boolean {
  const before = headsIn(log, read);
  const database = before && headOf(path);
  if (before === undefined || database === undefined) return false;
  // Other processes go on meanwhile: the log may have grown, been copied into the database, or been reset.
  const after = headsIn(log, read);
  return after?.mark === before.mark && !belongsTo(database, { ...before, last: after.last });
}

/** The database must be between the state just before the first logged change and the state after the last. */
function belongsTo(database: Head, { first, last }: LoggedHeads): boolean {
  return (
    database.changes >= first.changes - 1 &&
    database.changes <= last.changes &&
    database.schema <= last.schema
  );
}

/** Reads the head in another process: closing the file here would drop every lock that this process holds on it (POSIX). */
function headOf(path: string): Head | undefined {
  try {
    const bytes =
      process.platform === "win32"
        ? startOf(path)
        : execFileSync("head", ["-c", String(HEAD_BYTES), path], { stdio: ["ignore", "pipe", "ignore"] });
    return readHead(bytes);
  } catch {
    // Without the program `head` the log is not checked.
    return undefined;
  }
}

function startOf(path: string): Buffer {
  const handle = openSync(path, "r");
  try {
    return readAt(handle, 0, HEAD_BYTES) ?? Buffer.alloc(0);
  } finally {
    closeSync(handle);
  }
}

function readHead(page: Buffer): Head | undefined {
  if (page.length < HEAD_BYTES || page.toString("latin1", 0, MAGIC.length) !== MAGIC) return undefined;
  return { changes: page.readUInt32BE(24), schema: page.readUInt32BE(40) };
}

/** `undefined` when there is no log, or no head in it. SQLite never locks the log, so this process may open it. */
function headsIn(path: string, read: ReadFrames): LoggedHeads | undefined {
  const handle = openIfPresent(path);
  if (handle === undefined) return undefined;
  try {
    return readHeads(handle, read);
  } finally {
    closeSync(handle);
  }
}

/** `undefined` when there is no log: the last connection that is closed removes it. */
function openIfPresent(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function readHeads(handle: number, read: ReadFrames): LoggedHeads | undefined {
  const logHead = readAt(handle, 0, LOG_HEAD_BYTES);
  if (logHead === undefined) return undefined;
  let pending: Head | undefined;
  let heads: LoggedHeads | undefined;
  for (const { frame, page } of read(handle, logHead)) {
    // Frames with other salts are left from before the last reset.
    if (frame.compare(logHead, 16, 24, 8, 16) !== 0) return heads;
    if (page !== undefined) pending = readHead(page);
    const commits = frame.readUInt32BE(4) !== 0;
    if (!commits || pending === undefined) continue;
    heads = { mark: logHead.toString("hex"), first: heads?.first ?? pending, last: pending };
    pending = undefined;
  }
  return heads;
}

interface Frame {
  readonly frame: Buffer;
  /** The beginning of the page, if it is the database's first one. */
  readonly page: Buffer | undefined;
}

type ReadFrames = (handle: number, logHead: Buffer) => Iterable<Frame>;

function* headFrames(handle: number, logHead: Buffer): Generator<Frame> {
  const pageBytes = logHead.readUInt32BE(8);
  for (let at = LOG_HEAD_BYTES; ; at += FRAME_HEAD_BYTES + pageBytes) {
    const frame = readAt(handle, at, FRAME_HEAD_BYTES);
    if (frame === undefined) return;
    yield { frame, page: isFirst(frame) ? readAt(handle, at + FRAME_HEAD_BYTES, HEAD_BYTES) : undefined };
  }
}

/** The frames that SQLite accepts: those with the right checksum. */
function* checkedHeadFrames(handle: number, logHead: Buffer): Generator<Frame> {
  const pageBytes = logHead.readUInt32BE(8);
  const checksum = new LogChecksum(logHead);
  for (let at = LOG_HEAD_BYTES; ; at += FRAME_HEAD_BYTES + pageBytes) {
    const frame = readAt(handle, at, FRAME_HEAD_BYTES);
    const page = readAt(handle, at + FRAME_HEAD_BYTES, pageBytes);
    if (frame === undefined || page === undefined || !checksum.accepts(frame, page)) return;
    yield { frame, page: isFirst(frame) ? page : undefined };
  }
}

function isFirst(frame: Buffer): boolean {
  return frame.readUInt32BE(0) === 1;
}

function readAt(handle: number, position: number, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length);
  return readSync(handle, bytes, 0, length, position) === length ? bytes : undefined;
}
