import type {
  ApplyOptions,
  CallLimit,
  Commit,
  CountQuery,
  Driver,
  DriverStatus,
  EraseTarget,
  Outcome,
  ScanPage,
  ScanQuery,
  Session,
  SessionsPage,
  SessionsQuery,
  Slot,
  StoredRecord,
  Swept,
} from "../../src/contract/driver.js";
import type { EventId } from "../../src/contract/store.js";
import { afterWaiting } from "../../src/rules/decide.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import { pendingAt } from "../migrations.js";
import type { BackupCapable } from "./backup.js";
import type { CompactCapable } from "./compact.js";
import type { SqliteSettings } from "./config.js";
import { storeClosed } from "./errors.js";
import { isBusy, retryWhileLocked } from "./lock-wait.js";
import type { Reader } from "./reader.js";
import type { ReopenableConnections } from "./reopenable-connections.js";
import { MIGRATIONS } from "./schema.js";
import type { Eventually, Writer } from "./writer.js";

/** The driver of a SQLite database. Retries while another connection holds a lock. */
export class SqliteDriver implements Driver, BackupCapable, CompactCapable {
  readonly name = "sqlite";
  readonly returnsUnsharedBytes = true;
  readonly #connections: ReopenableConnections;
  readonly #settings: SqliteSettings;
  #closed = false;
  readonly #onReleased: () => void;
  /** The number of writes under way. */
  #writes = 0;
  /** The number of writes that have ended. */
  #written = 0;

  /** `released` is told when nothing of the file is open any more. */
  constructor(
    connections: ReopenableConnections,
    settings: SqliteSettings,
    onReleased: () => void = () => {},
  ) {
    this.#onReleased = onReleased;
    this.#connections = connections;
    this.#settings = settings;
  }

  apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
    return this.#write((writer, waitedMs) => writer.apply(commits, afterWaiting(options, waitedMs)), options);
  }

  read(slots: readonly Slot[], limit?: CallLimit): Promise<readonly (StoredRecord | undefined)[]> {
    return this.#read((reader) => reader.read(slots), limit);
  }

  readEventIds(slots: readonly Slot[], limit?: CallLimit): Promise<readonly (EventId | undefined)[]> {
    return this.#read((reader) => reader.readEventIds(slots), limit);
  }

  /** Counts the driver's own writes too: in memory, the writer and the reader are one connection. */
  changeCounter(limit?: CallLimit): Promise<string> {
    return this.#read((reader) => `${reader.dataVersion()}:${this.#written}`, limit);
  }

  readByEventId(session: Session, eventId: string, limit?: CallLimit): Promise<StoredRecord | undefined> {
    return this.#read((reader) => reader.readByEventId(session, eventId), limit);
  }

  scan(query: ScanQuery, limit?: CallLimit): Promise<ScanPage> {
    return this.#read((reader) => reader.scan(query, limit), limit);
  }

  count(query: CountQuery, limit?: CallLimit): Promise<number> {
    return this.#read((reader) => reader.count(query, limit), limit);
  }

  scanSessions(query: SessionsQuery, limit?: CallLimit): Promise<SessionsPage> {
    return this.#read((reader) => reader.scanSessions(query), limit);
  }

  sweep(target: EraseTarget, limit?: CallLimit): Promise<Swept> {
    return this.#write((writer) => writer.sweep(target), limit);
  }

  async status(limit?: CallLimit): Promise<DriverStatus> {
    const schemaVersion = await this.#read((reader) => reader.schemaVersion(), limit);
    const pendingMigrations = pendingAt(schemaVersion, MIGRATIONS).map(({ name }) => name);
    const queue = { waiting: this.#writes };
    return { target: this.#settings.path, schemaVersion, pendingMigrations, queue };
  }

  async backup(target: string): Promise<void> {
    if (this.#closed) throw storeClosed();
    await this.#connections.writing((writer) => writer.backup(target));
  }

  /** Piece by piece, so that other writes get their turns. */
  async compact(signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed) throw storeClosed();
    for (let more = true; more; ) {
      signal?.throwIfAborted();
      ({ more } = await this.#write((writer) => writer.giveBack()));
    }
    await this.#write((writer) => writer.emptyLog());
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#connections.close();
    this.#onReleased();
  }

  /** Hardly a read meets a lock, so the first attempt is made without what waiting needs. */
  async #read<T>(work: (reader: Reader) => Eventually<T>, limit?: CallLimit): Promise<T> {
    try {
      const answer = this.#connections.reading(work);
      return answer instanceof Promise ? await answer : answer;
    } catch (error) {
      if (!isBusy(error)) throw error;
      return this.#retryWhileLocked(() => this.#connections.reading(work), limit);
    }
  }

  async #write<T>(work: (writer: Writer, waitedMs: number) => Eventually<T>, limit?: CallLimit): Promise<T> {
    this.#writes++;
    try {
      return await this.#retryWhileLocked(
        (waitedMs) => this.#connections.writing((writer) => work(writer, waitedMs)),
        limit,
      );
    } finally {
      this.#writes--;
      this.#written++;
    }
  }

  /** Waits for locks, at most for `busyTimeoutMs`, until the call's deadline, and until its signal is aborted. */
  #retryWhileLocked<T>(
    work: (waitedMs: number) => Eventually<T>,
    { deadline, signal }: CallLimit = {},
  ): Promise<T> {
    const left = deadline === undefined ? Number.POSITIVE_INFINITY : Math.max(0, deadline - monotonicMs());
    return retryWhileLocked(work, Math.min(this.#settings.busyTimeoutMs, left), signal);
  }
}
