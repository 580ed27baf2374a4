import { nextTurn } from "../../src/timing/real-timers.js";
import type { Answer, Row, Rows } from "./client.js";
import { IncompleteAnswer } from "./errors.js";

/** How rows are read that would hold up the event loop. A client that cannot do that gives all of them in the end. */
export interface ChunkOptions {
  /** So many at a time. */
  readonly rows: number;
  readonly take: (rows: readonly Row[]) => void;
  /** Nobody waits for them any more. */
  readonly signal?: AbortSignal | undefined;
}

/** The rows of an answer, some at a time, until it is stopped. */
export class ChunkedAnswer {
  readonly done: Promise<Rows>;
  #isStopped = false;

  constructor(answer: Required<Answer>, { rows, take, signal }: ChunkOptions) {
    this.done = new Promise((resolve, reject) => {
      const takeChunk = (chunk: Rows) => {
        if (this.#isStopped) return never();
        try {
          signal?.throwIfAborted();
          if (isIncomplete(chunk)) throw new IncompleteAnswer();
          take(chunk as readonly Row[]);
        } catch (error) {
          reject(error);
          return never();
        }
        // The event loop goes round, however fast the server is.
        return nextTurn().then(() => (this.#isStopped ? never() : undefined));
      };
      answer.cursor(rows, takeChunk).then(() => resolve([]), reject);
    });
  }

  /**
   * What is to be dropped is asked for no more: a client that goes on once its connection has ended throws where nobody can
   * catch it.
   */
  stop(): void {
    this.#isStopped = true;
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}

/** The client gives answers with holes after an error. */
export function isIncomplete(rows: readonly unknown[] & { readonly count?: number | null }): boolean {
  if (typeof rows.count === "number" && rows.count !== rows.length) return true;
  for (let i = 0; i < rows.length; i++) if (rows[i] === undefined) return true;
  return false;
}
