import type { ApplyOptions, Commit, EraseTarget, Outcome, Swept } from "../../../src/contract/driver.js";
import { StateError } from "../../../src/contract/errors.js";
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
  #closed = false;

  constructor(settings: SqliteSettings, sqlite: SqlitePackage) {
    this.#settings = settings;
    this.#package = sqlite;
  }

  /** Starts the thread and opens the database there; rejects with what opening it inline would throw. */
  async open(): Promise<DatabaseFiles> {
    await this.#running();
    return this.#files as DatabaseFiles;
  }

  apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
    const work: Work = { op: "apply", commits: packCommits(commits), options };
    return this.#request(work) as Promise<readonly Outcome[]>;
  }

  sweep(target: EraseTarget): Promise<Swept> {
    return this.#request({ op: "sweep", target }) as Promise<Swept>;
  }

  backup(target: string): Promise<void> {
    return this.#request({ op: "backup", target }) as Promise<void>;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#file?.isLost !== false) return;
    // The thread closes the database after the writes that were requested before.
    const file = await this.#running().catch(() => undefined);
    await file?.close();
  }

  async #request(work: Work): Promise<unknown> {
    // A write that was waiting for a lock may retry after the close, and must not start another thread.
    if (this.#closed) throw new StateError("STORE_CLOSED", "the driver is closed", { details: {} });
    const file = await this.#running();
    return file.request(work);
  }

  async #running(): Promise<ThreadedFile> {
    if (this.#file?.isLost !== false)
      this.#file = threadedFileFor(this.#settings, this.#package.SqliteError, this.#files);
    const file = this.#file;
    this.#files = await file.opened;
    return file;
  }
}
