import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { deserialize, serialize } from "node:v8";
import type {
  ApplyOptions,
  Commit,
  Driver,
  DriverStatus,
  Outcome,
  ScanPage,
  ScanQuery,
  Session,
  SessionsPage,
  SessionsQuery,
  Slot,
  StoredRecord,
  Swept,
} from "../../src/index.js";
import { ReferenceDriver, ReferenceSpace } from "../harness/reference-driver.js";
import { FileLock, hasCode } from "./file-lock.js";

/** The reference over a file that processes share: each batch reads it, and writes it anew, under a lock. */
export class FileDriver implements Driver {
  protected readonly path: string;
  readonly #lock: FileLock;

  constructor(path: string) {
    this.path = path;
    this.#lock = new FileLock(`${path}.lock`);
  }

  async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
    return this.exclusively((driver) => driver.apply(commits, options));
  }

  async read(slots: readonly Slot[]): Promise<readonly (StoredRecord | undefined)[]> {
    return new ReferenceDriver(this.load()).read(slots);
  }

  async readByEventId(session: Session, eventId: string): Promise<StoredRecord | undefined> {
    return new ReferenceDriver(this.load()).readByEventId(session, eventId);
  }

  async scan(query: ScanQuery): Promise<ScanPage> {
    return new ReferenceDriver(this.load()).scan(query);
  }

  async scanSessions(query: SessionsQuery): Promise<SessionsPage> {
    return new ReferenceDriver(this.load()).scanSessions(query);
  }

  async sweep(session: Session): Promise<Swept> {
    return new ReferenceDriver(this.load()).sweep(session);
  }

  async status(): Promise<DriverStatus> {
    return { target: this.path, schemaVersion: 1, pendingMigrations: [] };
  }

  async close(): Promise<void> {}

  /** The reference does its work before it first waits, so what is between the locks is one step. */
  protected async exclusively<T>(work: (driver: ReferenceDriver) => Promise<T>): Promise<T> {
    await this.lock();
    try {
      const space = this.load();
      const answer = work(new ReferenceDriver(space));
      this.store(space);
      return answer;
    } finally {
      this.unlock();
    }
  }

  protected load(): ReferenceSpace {
    const space = new ReferenceSpace();
    const { records, events } = readIfThere(this.path);
    for (const [key, record] of records) space.records.set(key, record);
    for (const [key, event] of events) space.events.set(key, event);
    return space;
  }

  protected store({ records, events }: ReferenceSpace): void {
    const written = `${this.path}.${process.pid}`;
    writeFileSync(written, serialize({ records, events }));
    renameSync(written, this.path);
  }

  protected async lock(): Promise<void> {
    while (!this.#lock.tryTake()) await sleep(1);
  }

  protected unlock(): void {
    this.#lock.release();
  }
}

/** Blocks: other processes go on, this one does not. */
export function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

function readIfThere(path: string): Pick<ReferenceSpace, "records" | "events"> {
  try {
    return deserialize(readFileSync(path)) as ReferenceSpace;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return new ReferenceSpace();
    throw error;
  }
}
