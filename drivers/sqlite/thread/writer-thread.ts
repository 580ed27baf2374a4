import { Worker } from "node:worker_threads";
import { isStateError, StateError } from "../../../src/contract/errors.js";
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

/** One thread that writes, from its start to its end. It keeps the process alive only while it owes an answer or ends. */
export class WriterThread {
  readonly #worker: Worker;
  readonly #SqliteError: SqlitePackage["SqliteError"];
  readonly #pending = new Map<number, Pending>();
  #last = 0;
  #files = 0;
  #crash: unknown;
  #isLost = false;

  constructor(SqliteError: SqlitePackage["SqliteError"]) {
    this.#SqliteError = SqliteError;
    // As source text, for a thread inherits the flags of its process, and with some of them no file may be run.
    this.#worker = new Worker(`import(${JSON.stringify(entryUrl())})`, { eval: true });
    this.#worker.unref();
    this.#worker.on("message", (answer: Answer) => this.#settle(answer));
    this.#worker.on("error", (error) => {
      this.#crash = error;
    });
    this.#worker.on("exit", () => this.#onExit());
  }

  /** Nothing can be asked of it any more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** How many it serves. */
  get files(): number {
    return this.#files;
  }

  /** Another file is served here from now on. */
  addFile(): void {
    this.#files++;
  }

  /** One file less; the last ends the thread. */
  async removeFile(): Promise<void> {
    this.#files--;
    if (this.#files > 0 || this.#isLost) return;
    this.#isLost = true;
    this.#worker.ref();
    // What else the process has loaded into its threads may keep one going.
    await this.#worker.terminate();
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
