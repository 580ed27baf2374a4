import { readdirSync, readSync, statSync } from "node:fs";
import { endianness } from "node:os";
import { type DatabaseFiles, displaced, type FileIdentity, isInPlace } from "./file-identity.js";

/** The open files of this process, including files without a name. */
const OPEN_HANDLES = "/proc/self/fd";

/** The log's index begins with its head, a copy of it, and the number of frames copied (https://sqlite.org/walformat.html, 2.1). */
const HEAD_BYTES = 48;
const READ_BYTES = 2 * HEAD_BYTES + 4;
const LOG_HEAD_BYTES = 32;
const FRAME_HEAD_BYTES = 24;

/**
 * UNAVAILABLE unless every commit in the log is also in files that still have their names, so that reopening them loses
 * nothing. Reads the log and its index through this process's open handles, which works on Linux only.
 */
export function requireNoLostCommits(files: DatabaseFiles): void {
  const { database, log } = files;
  if (!isInPlace(database)) throw displaced(database, "open the store again once the right files are there");
  // If only the index is gone, SQLite rebuilds it from the log.
  if (process.platform === "linux" && (isInPlace(log) || isAllInDatabase(files))) return;
  throw displaced(
    isInPlace(log) ? files.index : log,
    "it cannot be shown that all it held is in the database, so end no process that has it open by force; close the store, which writes into the database what is missing there, and open it again",
  );
}

/** UNAVAILABLE while another connection of this process, in any thread, has the old log or its index open. */
export function requireReleased({ log, index }: DatabaseFiles): void {
  const old = handles().filter((handle) => isOf(handle, log) || isOf(handle, index));
  // A new file may have got the inode number of an old one.
  const isNew = ({ device, inode }: Handle) =>
    [log, index].some(({ path }) => isInPlace({ path, device, inode }));
  const held = old.find((handle) => !isNew(handle));
  if (held === undefined) return;
  throw displaced(
    isOf(held, log) ? log : index,
    "another store or connection in this process still has it open: close that, or all stores of this file, and try again",
  );
}

function isAllInDatabase({ log, index }: DatabaseFiles): boolean {
  const mine = handles();
  const indexHandle = mine.find((handle) => isOf(handle, index));
  const logHandle = mine.find((handle) => isOf(handle, log));
  if (indexHandle === undefined || logHandle === undefined) return false;
  const bytes = readAt(indexHandle.number, 0, READ_BYTES);
  if (bytes === undefined || bytes.compare(bytes, HEAD_BYTES, 2 * HEAD_BYTES, 0, HEAD_BYTES) !== 0)
    return false;
  const frames = uint32(bytes, 16);
  // SQLite sets this counter after the copied pages are on the disk.
  return uint32(bytes, 96) === frames && (frames === 0 || isLastFrame(logHandle.number, bytes, frames));
}

/** Whether the index belongs to this log and not to a new one of the same name: compares the last frame's checksum. */
function isLastFrame(log: number, index: Buffer, frames: number): boolean {
  const size = endianness() === "LE" ? index.readUInt16LE(14) : index.readUInt16BE(14);
  const pageBytes = size === 1 ? 65_536 : size;
  const frame = readAt(log, LOG_HEAD_BYTES + (frames - 1) * (FRAME_HEAD_BYTES + pageBytes), FRAME_HEAD_BYTES);
  return frame?.readUInt32BE(16) === uint32(index, 24) && frame.readUInt32BE(20) === uint32(index, 28);
}

/** Reads a number of the index, which has the machine's byte order. */
function uint32(bytes: Buffer, at: number): number {
  return endianness() === "LE" ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
}

interface Handle {
  readonly number: number;
  readonly device: bigint;
  readonly inode: bigint;
}

function handles(): readonly Handle[] {
  return readdirSync(OPEN_HANDLES).flatMap((name) => {
    try {
      const { dev, ino } = statSync(`${OPEN_HANDLES}/${name}`, { bigint: true });
      return [{ number: Number(name), device: dev, inode: ino }];
    } catch {
      // The handle was closed meanwhile, or has no file.
      return [];
    }
  });
}

function isOf(handle: Handle, file: FileIdentity): boolean {
  return handle.inode === file.inode && handle.device === file.device;
}

/**
 * Reads through SQLite's own handle: opening and closing the file would drop every lock that this process holds on it
 * (POSIX).
 */
function readAt(handle: number, position: number, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length);
  try {
    return readSync(handle, bytes, 0, length, position) === length ? bytes : undefined;
  } catch {
    // The runtime numbers handles in another way.
    return undefined;
  }
}
