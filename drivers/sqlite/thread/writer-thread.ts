import { Worker } from "node:worker_threads";
import { isStateError, StateError } from "../../../src/errors.js";
import { setup } from "../errors.js";
import type { DatabaseFiles } from "../file-identity.js";
import type { SqlitePackage } from "../load-package.js";
import { entryUrl } from "./entry-url.js";
import { type Answer, OPENED, type Request, type ThreadData, type Work } from "./messages.js";
import { unpackError } from "./packed-error.js";

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** One thread that writes, from its start to its end. It keeps the process alive only while it owes an answer or ends. */
export class WriterThread {
  /** The files it writes, once the database is open there. */
  readonly opened: Promise<DatabaseFiles>;
  readonly #worker: Worker;
  readonly #SqliteError: SqlitePackage["SqliteError"];
  readonly #pending = new Map<number, Pending>();
  #last = OPENED;
  #crash: unknown;
  #closing = false;
  #isLost = false;

  constructor(data: ThreadData, SqliteError: SqlitePackage["SqliteError"]) {
    this.#SqliteError = SqliteError;
    // As source text, for a thread inherits the flags of its process, and with some of them no file may be run.
    this.#worker = new Worker(`import(${JSON.stringify(entryUrl())})`, { eval: true, workerData: data });
    this.#worker.on("message", (answer: Answer) => this.#settle(answer));
    this.#worker.on("error", (error) => {
      this.#crash = error;
    });
    this.#worker.on("exit", () => this.#lose());
    this.opened = this.#answer(OPENED) as Promise<DatabaseFiles>;
  }

  /** Nothing can be asked of it any more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  ask(work: Work): Promise<unknown> {
    const request: Request = { ...work, id: ++this.#last };
    this.#worker.postMessage(
      request,
      work.op === "apply" ? [work.commits.body.buffer, work.commits.numbers.buffer] : [],
    );
    return this.#answer(request.id);
  }

  /** Closes the database and ends the thread. */
  async close(): Promise<void> {
    this.#closing = true;
    try {
      await this.ask({ op: "close" });
    } finally {
      // What else the process has loaded into its threads may keep one going.
      await this.#worker.terminate();
    }
  }

  #answer(id: number): Promise<unknown> {
    if (this.#pending.size === 0) this.#worker.ref();
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
  }

  #settle(answer: Answer): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (this.#pending.size === 0 && !this.#closing) this.#worker.unref();
    if ("error" in answer) {
      if (answer.id === OPENED) this.#giveUp();
      pending?.reject(unpackError(answer.error, this.#SqliteError));
    } else pending?.resolve(answer.value);
  }

  #giveUp(): void {
    this.#isLost = true;
    void this.#worker.terminate();
  }

  #lose(): void {
    this.#isLost = true;
    for (const [id, { reject }] of this.#pending)
      reject(id === OPENED ? notStarted(this.#crash) : lost(this.#crash));
    this.#pending.clear();
  }
}

function lost(cause: unknown): StateError<"OUTCOME_UNKNOWN"> {
  return new StateError("OUTCOME_UNKNOWN", "the thread that writes ended before it had answered", {
    details: {},
    cause,
  });
}

export function notStarted(cause: unknown): StateError<"UNAVAILABLE"> {
  if (isStateError(cause, "UNAVAILABLE")) return cause;
  return setup(
    'the thread that writes could not be started, and the cause says why: thread: "inline" does without a thread',
    cause,
  );
}
