import { isStateError } from "../../src/contract/errors.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import { setup, storeClosed } from "./errors.js";
import { type DatabaseFiles, FileGuard, isReplaced } from "./file-identity.js";
import type { Reader } from "./reader.js";
import { requireLetGo, requireNothingLost } from "./removed-log.js";
import type { Eventually, Writer } from "./writer.js";

/** What has a database open: one connection that writes and one that reads, which in memory are the same. */
export interface Connections {
  readonly writer: Writer;
  readonly reader: Reader;
  /** Of a database in memory there are none. */
  readonly files?: DatabaseFiles;
  /** Told once both are closed. */
  readonly closed?: () => void;
}

/** How long reads may trust that the log is still in its place, for a look at each read would make all of them slower. */
const TRUSTED_MS = 5;

/**
 * The connections of a store. When another program has removed the log, or its index, and nothing was lost by that, they
 * are closed and opened anew with the next call.
 */
export class Renewable {
  readonly #open: () => Promise<Connections>;
  #held: Connections | undefined;
  #guard: FileGuard | undefined;
  #trustedUntil = 0;
  /** Those of the connections that were closed, to be let go by everybody here before others are opened. */
  #left: DatabaseFiles | undefined;
  #renewal: Promise<Connections> | undefined;
  #isClosed = false;

  constructor(connections: Connections, open: () => Promise<Connections>) {
    this.#open = open;
    this.#hold(connections);
  }

  /** In this turn of the loop where nothing has happened to the files. */
  reading<T>(work: (reader: Reader) => Eventually<T>): Eventually<T> {
    const { reader } = this.#held ?? {};
    if (reader === undefined || !this.#isTrusted())
      return this.#renewed().then((renewed) => work(renewed.reader));
    const answer = work(reader);
    return answer instanceof Promise ? this.#unlessLetGo(answer, reader, work) : answer;
  }

  /** What writes looks after the files by itself, and has written nothing when it says UNAVAILABLE. */
  async writing<T>(work: (writer: Writer) => Eventually<T>): Promise<T> {
    const used = this.#held ?? (await this.#renewed());
    try {
      return await work(used.writer);
    } catch (error) {
      const isInTheWay = used !== this.#held || this.#guard?.isInPlace() === false;
      if (this.#isClosed || !isInTheWay || !isStateError(error, "UNAVAILABLE")) throw error;
    }
    return work((await this.#renewed()).writer);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#renewal?.catch(() => undefined);
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return;
    const { files, writer, reader } = held;
    if (files !== undefined && isReplaced(files.log)) return letGo(held);
    // The last connection to close writes the log into the file, which one for reading cannot do.
    await reader.close();
    await writer.close();
    held.closed?.();
  }

  /** A long list ends when its reader is closed, though the store is not. */
  async #unlessLetGo<T>(answer: Promise<T>, by: Reader, work: (reader: Reader) => Eventually<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (this.#isClosed || this.#held?.reader === by || !isStateError(error, "STORE_CLOSED")) throw error;
    }
    return work((await this.#renewed()).reader);
  }

  #hold(connections: Connections): void {
    this.#held = connections;
    this.#guard = connections.files && new FileGuard(connections.files);
  }

  #isTrusted(): boolean {
    if (this.#guard === undefined || monotonicMs() < this.#trustedUntil) return true;
    if (!this.#guard.isInPlace()) return false;
    this.#trustedUntil = monotonicMs() + TRUSTED_MS;
    return true;
  }

  #renewed(): Promise<Connections> {
    this.#renewal ??= this.#renew().finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  async #renew(): Promise<Connections> {
    if (this.#isClosed) throw storeClosed();
    const held = this.#held;
    if (held?.files !== undefined) {
      // Another call may have renewed them already, or the file been put back.
      if (this.#guard?.isInPlace()) return held;
      requireNothingLost(held.files);
      this.#held = undefined;
      this.#left = held.files;
      await letGo(held);
    }
    const left = this.#left;
    if (left !== undefined) requireLetGo(left);
    const renewed = await this.#open();
    if (left !== undefined && renewed.files?.database.inode !== left.database.inode) {
      await letGo(renewed);
      throw setup(`${left.database.path} was replaced while it was open: open the store again`);
    }
    this.#left = undefined;
    this.#hold(renewed);
    return renewed;
  }
}

/**
 * While the one that reads is there, the one that writes is not the last, which would copy its log into the database and
 * then remove what has that name by now.
 */
async function letGo({ writer, reader, closed }: Connections): Promise<void> {
  await writer.close();
  await reader.close();
  closed?.();
}
