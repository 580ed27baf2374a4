import type { ApplyOptions, Commit, EraseTarget, Outcome, Swept } from "../../../src/contract/driver.js";
import { StateError } from "../../../src/contract/errors.js";
import { afterWaiting } from "../../../src/rules/decide.js";
import { monotonicMs } from "../../../src/timing/real-timers.js";
import type { Compacted } from "../compact.js";
import type { SqliteSettings } from "../config.js";
import type { DatabaseFiles } from "../file-identity.js";
import type { SqlitePackage } from "../load-package.js";
import type { Writer } from "../writer.js";
import type { Work } from "./messages.js";
import { packCommits } from "./packed-commits.js";
import { type ThreadedFile, threadedFileFor } from "./writer-threads.js";

/**
 * Writes in another thread, which it may share with other databases. If that thread is lost, the next write starts another
 * one, on the same files.
 */
export class RemoteWriter implements Writer {
  readonly #settings: SqliteSettings;
  readonly #package: SqlitePackage;
  #files: DatabaseFiles | undefined;
  #file: ThreadedFile | undefined;
  #isOpen = false;
  #closed = false;

  /** With `files`, the database has been opened before, in these files, and the thread is started when it is needed. */
  constructor(settings: SqliteSettings, sqlite: SqlitePackage, files?: DatabaseFiles) {
    this.#settings = settings;
    this.#package = sqlite;
    this.#files = files;
  }

  /** Starts the thread and opens the database there; rejects with what opening it inline would throw. */
  async open(): Promise<DatabaseFiles> {
    await this.#running();
    return this.#files as DatabaseFiles;
  }

  /** Whether the thread has the database open, so that it answers without delay. */
  get isReady(): boolean {
    return this.#isOpen && this.#file?.isLost === false;
  }

  /** Starts the thread, for work to come. */
  start(): void {
    // Such work rejects with what is wrong.
    if (!this.#closed) void this.#running().catch(() => undefined);
  }

  async settled(): Promise<void> {
    await this.#file?.opened.catch(() => undefined);
  }

  apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
    const packed = packCommits(commits);
    const asked = monotonicMs();
    const work = (): Work => {
      // Starting the thread takes a while.
      return { op: "apply", commits: packed, options: afterWaiting(options, monotonicMs() - asked) };
    };
    return this.#request(work) as Promise<readonly Outcome[]>;
  }

  sweep(target: EraseTarget): Promise<Swept> {
    return this.#request(() => ({ op: "sweep", target })) as Promise<Swept>;
  }

  backup(target: string): Promise<void> {
    return this.#request(() => ({ op: "backup", target })) as Promise<void>;
  }

  giveBack(): Promise<Compacted> {
    return this.#request(() => ({ op: "give back" })) as Promise<Compacted>;
  }

  emptyLog(): Promise<void> {
    return this.#request(() => ({ op: "empty log" })) as Promise<void>;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#file?.isLost !== false) return;
    // The thread closes the database after the writes that were requested before.
    const file = await this.#running().catch(() => undefined);
    await file?.close();
  }

  async #request(work: () => Work): Promise<unknown> {
    // A write that was waiting for a lock may retry after the close, and must not start another thread.
    if (this.#closed) throw new StateError("STORE_CLOSED", "the driver is closed", { details: {} });
    const file = await this.#running();
    return file.request(work());
  }

  async #running(): Promise<ThreadedFile> {
    if (this.#file?.isLost !== false) {
      this.#isOpen = false;
      this.#file = threadedFileFor(this.#settings, this.#package.SqliteError, this.#files);
    }
    const file = this.#file;
    this.#files = await file.opened;
    this.#isOpen = file === this.#file;
    return file;
  }
}
