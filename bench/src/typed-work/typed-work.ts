import type { SessionIdentity, StateStore } from "../../../dist/src/index.js";

/** Whose sessions they are. */
export const TENANT = "acme";

/** What callers of a wrapper do again and again, in one session or in many. */
export interface TypedWork {
  /** How many calls `run` makes, one after another. */
  readonly calls: number;
  /** Prepares the sessions; the work then goes from one to the next. */
  open(store: StateStore, sessions: readonly SessionIdentity[]): Promise<OpenWork>;
}

export interface OpenWork {
  run(): Promise<unknown>;
  /** Rejects when what was done is not there. `done` is how many times `run` has ended. */
  check(done: number): Promise<void>;
}

/** One after another, and then the first again. */
export function inTurn<T>(values: readonly T[]): () => T {
  let turn = 0;
  return () => values[turn++ % values.length] as T;
}

/** `check` for what can be counted. */
export function expectCount(what: string, found: number, wanted: number): void {
  if (found !== wanted) throw new Error(`${found} ${what} are stored instead of ${wanted}`);
}
