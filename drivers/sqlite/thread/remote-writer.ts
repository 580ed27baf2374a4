import type { ApplyOptions, Commit, Outcome } from "../../../src/driver.js";
import { StateError } from "../../../src/errors.js";
import type { SqliteSettings } from "../config.js";
import type { DatabaseFiles } from "../file-identity.js";
import type { SqlitePackage } from "../load-package.js";
import type { Writer } from "../sqlite-driver.js";
import type { ThreadData, Work } from "./messages.js";
import { packCommits } from "./packed-commits.js";
import { notStarted, WriterThread } from "./writer-thread.js";

/** Writes in a thread of its own. When that is lost, the next write starts another, on the same files. */
export class RemoteWriter implements Writer {
  readonly #settings: SqliteSettings;
  readonly #package: SqlitePackage;
  #files: DatabaseFiles | undefined;
  #thread: WriterThread | undefined;
  #closed = false;

  constructor(settings: SqliteSettings, sqlite: SqlitePackage) {
    this.#settings = settings;
    this.#package = sqlite;
  }

  /** Starts the thread and opens the database there; rejects with what opening it inline would throw. */
  async open(): Promise<void> {
    await this.#running();
  }

  apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
    const work: Work = { op: "apply", commits: packCommits(commits), options };
    return this.#ask(work) as Promise<readonly Outcome[]>;
  }

  erase(tenant: string, user: string, session: string): Promise<number> {
    return this.#ask({ op: "erase", session: [tenant, user, session] }) as Promise<number>;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#thread?.isLost !== false) return;
    // In turn, behind the writes that were asked for before.
    const thread = await this.#running().catch(() => undefined);
    await thread?.close();
  }

  async #ask(work: Work): Promise<unknown> {
    // A write that waits for a lock may come back after the end, and must not start another thread.
    if (this.#closed) throw new StateError("STORE_CLOSED", "the driver is closed", { details: {} });
    const thread = await this.#running();
    return thread.ask(work);
  }

  async #running(): Promise<WriterThread> {
    if (this.#thread?.isLost !== false) this.#thread = this.#start();
    const thread = this.#thread;
    this.#files = await thread.opened;
    return thread;
  }

  #start(): WriterThread {
    const data: ThreadData = { settings: this.#settings, ...(this.#files ? { files: this.#files } : {}) };
    try {
      return new WriterThread(data, this.#package.SqliteError);
    } catch (error) {
      throw notStarted(error);
    }
  }
}
