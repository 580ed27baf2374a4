import { nextTurn } from "../../src/timing/real-timers.js";
import type { Answer, Row, Rows } from "./client.js";
import { IncompleteAnswer } from "./errors.js";

/** How to read many rows without blocking the event loop. A client without cursors returns all rows at once. */
export interface ChunkOptions {
  /** Rows per chunk. */
  readonly rows: number;
  readonly take: (rows: readonly Row[]) => void;
  /** Aborted when the caller does not wait any more. */
  readonly signal?: AbortSignal | undefined;
}

/** Passes on the rows of an answer in chunks, until it is stopped. */
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
        // Lets the event loop run between two chunks, however fast the server is.
        return nextTurn().then(() => (this.#isStopped ? never() : undefined));
      };
      answer.cursor(rows, takeChunk).then(() => resolve([]), reject);
    });
  }

  /**
   * Requests no more chunks: a client that requests rows after its connection has ended throws an uncaught error.
   */
  stop(): void {
    this.#isStopped = true;
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}

/** Whether rows are missing: after an error the client may return an answer with holes. */
export function isIncomplete(rows: readonly unknown[] & { readonly count?: number | null }): boolean {
  if (typeof rows.count === "number" && rows.count !== rows.length) return true;
  for (let i = 0; i < rows.length; i++) if (rows[i] === undefined) return true;
  return false;
}
