import { Worker } from "node:worker_threads";
import { isStateError, StateError } from "../../../src/contract/errors.js";
import { clearTimeout, setTimeout, type Timer } from "../../../src/timing/real-timers.js";
import { setupError } from "../errors.js";
import type { SqlitePackage } from "../load-package.js";
import { entryUrl } from "./entry-url.js";
import type { Answer, Request, Work } from "./messages.js";
import { unpackError } from "./packed-error.js";

interface Pending {
  readonly op: Work["op"];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** How long a thread without files waits for the next one: starting a thread costs as much CPU time as hundreds of commits. */
const IDLE_MS = 5_000;

/** A worker thread that writes. It keeps the process alive only while a request is under way. */
export class WriterThread {
  readonly #worker: Worker;
  readonly #SqliteError: SqlitePackage["SqliteError"];
  readonly #pending = new Map<number, Pending>();
  #last = 0;
  #files = 0;
  #idle: Timer | undefined;
  #crash: unknown;
  #isLost = false;

  constructor(SqliteError: SqlitePackage["SqliteError"]) {
    this.#SqliteError = SqliteError;
    // Source text, because the thread inherits the process's flags, and some of them forbid running a file.
    this.#worker = new Worker(`import(${JSON.stringify(entryUrl())})`, { eval: true });
    this.#worker.unref();
    this.#worker.on("message", (answer: Answer) => this.#settle(answer));
    this.#worker.on("error", (error) => {
      this.#crash = error;
    });
    this.#worker.on("exit", () => this.#onExit());
  }

  /** Whether the thread has ended, so that it takes no more requests. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** The number of files that it serves. */
  get files(): number {
    return this.#files;
  }

  addFile(): void {
    clearTimeout(this.#idle);
    this.#files++;
  }

  /** After its last file the thread waits a while for another, and then ends. */
  removeFile(): void {
    this.#files--;
    if (this.#files > 0 || this.#isLost) return;
    this.#idle = setTimeout(() => this.#end(), IDLE_MS);
    this.#idle.unref();
  }

  #end(): void {
    this.#isLost = true;
    // Terminated, since other code that the process loads into its threads may keep one running.
    void this.#worker.terminate();
  }

  request(file: number, work: Work): Promise<unknown> {
    const request: Request = { ...work, id: ++this.#last, file };
    this.#worker.postMessage(
      request,
      work.op === "apply" ? [work.commits.body.buffer, work.commits.numbers.buffer] : [],
    );
    if (this.#pending.size === 0) this.#worker.ref();
    return new Promise((resolve, reject) => this.#pending.set(request.id, { op: work.op, resolve, reject }));
  }

  #settle(answer: Answer): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if ("error" in answer) pending?.reject(unpackError(answer.error, this.#SqliteError));
    else pending?.resolve(answer.value);
  }

  #onExit(): void {
    this.#isLost = true;
    for (const { op, reject } of this.#pending.values())
      reject(op === "open" ? notStarted(this.#crash) : lost(this.#crash));
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
  return setupError(
    'the thread that writes could not be started, and the cause says why: thread: "inline" does without a thread',
    cause,
  );
}

/** UNAVAILABLE when it is known beforehand that no thread can be started. */
export function requireThreads(): void {
  entryUrl();
  const { permission } = process as { permission?: { has(scope: string): boolean } };
  if (permission?.has("worker") === false)
    throw setupError(
      'the sqlite driver needs a thread, and this process may start none (--allow-worker): thread: "inline" does without one',
    );
}
