import { isStateError } from "../../src/contract/errors.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import { setupError, storeClosed } from "./errors.js";
import { type DatabaseFiles, FileGuard, isReplaced } from "./file-identity.js";
import type { Reader } from "./reader.js";
import { requireNoLostCommits, requireReleased } from "./removed-log.js";
import type { Eventually, Writer } from "./writer.js";

/** What has a database open: one connection that writes and one that reads, which in memory are the same. */
export interface Connections {
  readonly writer: Writer;
  readonly reader: Reader;
  /** Of a database in memory there are none. */
  readonly files?: DatabaseFiles;
  /** Told once both are closed. */
  readonly onClosed?: () => void;
}

/** How long reads may trust that the log is still in its place, for a look at each read would make all of them slower. */
const TRUSTED_MS = 5;

/**
 * The connections of a store. When another program has removed the log, or its index, and nothing was lost by that, they
 * are closed and opened anew with the next call.
 */
export class ReopenableConnections {
  readonly #open: () => Promise<Connections>;
  #current: Connections | undefined;
  #guard: FileGuard | undefined;
  #trustedUntil = 0;
  /** Those of the connections that were closed, to be let go by everybody here before others are opened. */
  #closedFiles: DatabaseFiles | undefined;
  #reopening: Promise<Connections> | undefined;
  #isClosed = false;

  constructor(connections: Connections, open: () => Promise<Connections>) {
    this.#open = open;
    this.#use(connections);
  }

  /** In this turn of the loop where nothing has happened to the files. */
  reading<T>(work: (reader: Reader) => Eventually<T>): Eventually<T> {
    const { reader } = this.#current ?? {};
    if (reader === undefined || !this.#isTrusted()) return this.#reopened().then(() => this.reading(work));
    const answer = work(reader);
    return answer instanceof Promise ? this.#retryIfReaderClosed(answer, reader, work) : answer;
  }

  /** What writes looks after the files by itself, and has written nothing when it says UNAVAILABLE. */
  async writing<T>(work: (writer: Writer) => Eventually<T>): Promise<T> {
    const used = this.#current ?? (await this.#reopened());
    try {
      return await work(used.writer);
    } catch (error) {
      const filesChanged = used !== this.#current || this.#guard?.isInPlace() === false;
      if (this.#isClosed || !filesChanged || !isStateError(error, "UNAVAILABLE")) throw error;
    }
    return work((await this.#reopened()).writer);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#reopening?.catch(() => undefined);
    const current = this.#current;
    this.#current = undefined;
    if (current === undefined) return;
    const { files, writer, reader } = current;
    if (files !== undefined && isReplaced(files.log)) return closeBoth(current);
    // The last connection to close writes the log into the file, which one for reading cannot do.
    await reader.close();
    await writer.close();
    current.onClosed?.();
  }

  /** A long list ends when its reader is closed, though the store is not. */
  async #retryIfReaderClosed<T>(
    answer: Promise<T>,
    by: Reader,
    work: (reader: Reader) => Eventually<T>,
  ): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (this.#isClosed || this.#current?.reader === by || !isStateError(error, "STORE_CLOSED")) throw error;
    }
    // The files may be gone once more before the end of it.
    return this.reading(work);
  }

  #use(connections: Connections): void {
    this.#current = connections;
    this.#guard = connections.files && new FileGuard(connections.files);
  }

  #isTrusted(): boolean {
    if (this.#guard === undefined || monotonicMs() < this.#trustedUntil) return true;
    if (!this.#guard.isInPlace()) return false;
    this.#trustedUntil = monotonicMs() + TRUSTED_MS;
    return true;
  }

  #reopened(): Promise<Connections> {
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined;
    });
    return this.#reopening;
  }

  async #reopen(): Promise<Connections> {
    if (this.#isClosed) throw storeClosed();
    const current = this.#current;
    if (current?.files !== undefined) {
      // Another call may have renewed them already, or the file been put back.
      if (this.#guard?.isInPlace()) return current;
      requireNoLostCommits(current.files);
      this.#current = undefined;
      this.#closedFiles = current.files;
      await closeBoth(current);
    }
    const closedFiles = this.#closedFiles;
    if (closedFiles !== undefined) requireReleased(closedFiles);
    const reopened = await this.#open();
    if (closedFiles !== undefined && reopened.files?.database.inode !== closedFiles.database.inode) {
      await closeBoth(reopened);
      throw setupError(`${closedFiles.database.path} was replaced while it was open: open the store again`);
    }
    this.#closedFiles = undefined;
    this.#use(reopened);
    return reopened;
  }
}

/**
 * While the one that reads is there, the one that writes is not the last, which would copy its log into the database and
 * then remove what has that name by now.
 */
async function closeBoth({ writer, reader, onClosed }: Connections): Promise<void> {
  await writer.close();
  await reader.close();
  onClosed?.();
}
