import { isStateError } from "../../src/contract/errors.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import { setupError, storeClosed } from "./errors.js";
import { type DatabaseFiles, FileGuard, isReplaced } from "./file-identity.js";
import type { Reader } from "./reader.js";
import { requireNoLostCommits, requireReleased } from "./removed-log.js";
import type { Eventually, Writer } from "./writer.js";

/** A writer and a reader of one database. In memory they share one connection. */
export interface Connections {
  readonly writer: Writer;
  readonly reader: Reader;
  /** `undefined` for a database in memory. */
  readonly files?: DatabaseFiles;
  /** Called when both are closed. */
  readonly onClosed?: () => void;
}

/** How long reads trust that the log is in place, in milliseconds: a check per read would slow down all of them. */
const TRUSTED_MS = 5;

/**
 * The connections of a store. When another program has removed the log or its index, and no commit was lost by that, the
 * next call closes and reopens them.
 */
export class ReopenableConnections {
  readonly #open: () => Promise<Connections>;
  #current: Connections | undefined;
  #guard: FileGuard | undefined;
  #trustedUntil = 0;
  /** The files of the closed connections. Every connection of this process must release them before the store reopens. */
  #closedFiles: DatabaseFiles | undefined;
  #reopening: Promise<Connections> | undefined;
  #isClosed = false;

  constructor(connections: Connections, open: () => Promise<Connections>) {
    this.#open = open;
    this.#use(connections);
  }

  /** Runs `work`: synchronously, unless the connections have to be reopened first. */
  reading<T>(work: (reader: Reader) => Eventually<T>): Eventually<T> {
    const { reader } = this.#current ?? {};
    if (reader === undefined || !this.#isTrusted()) return this.#reopened().then(() => this.reading(work));
    const answer = work(reader);
    return answer instanceof Promise ? this.#retryIfReaderClosed(answer, reader, work) : answer;
  }

  /** Runs `work`, and again after reopening. The writer checks the files itself; after UNAVAILABLE nothing was written. */
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
    // The last connection to close copies the log into the database, which a read-only connection cannot do.
    await reader.close();
    await writer.close();
    current.onClosed?.();
  }

  /** Retries a long list that failed because its reader was closed for reopening. */
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
      // Another call may have reopened them already, or the files are back in place.
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
 * Closes the writer first. If the writer were the last connection, it would copy its log into the database and then remove
 * the new file that has the log's name.
 */
async function closeBoth({ writer, reader, onClosed }: Connections): Promise<void> {
  await writer.close();
  await reader.close();
  onClosed?.();
}
