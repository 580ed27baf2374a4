import type { Harness } from "../harness/case.js";

/**
 * Which histories are run. `one-store`: one call after another, of one store, which is also closed and opened again.
 * `stores`: the same of several stores of a space. `overlapping`: calls of several callers and stores at once. `processes`:
 * the same where each store is in a process of its own, which is killed or stands still now and then.
 */
export type HistoryKind = "one-store" | "stores" | "overlapping" | "processes";

export const HISTORY_KINDS: readonly HistoryKind[] = ["one-store", "stores", "overlapping", "processes"];

/** How histories are made and asked, read and checked once. */
export interface HistoryPlan {
  readonly harness: Harness;
  /** Where other processes import the harness from: a file URL. */
  readonly module: string | undefined;
  readonly operations: number;
  readonly stores: number;
  readonly processes: number;
  readonly restarts: boolean;
  /** How long one history may take. */
  readonly timeoutMs: number;
  /** A name of a space that nobody else uses, each time another one. */
  space(): string;
}

/** A history that no right store gives. */
export interface HistoryFailure {
  /** Which kind of history it was. */
  readonly kind: HistoryKind;
  /** Gives the same history again. */
  readonly seed: number;
  /** What was asked, one line per call: the fewest with which it still failed. */
  readonly calls: readonly string[];
  /** How many calls the whole history had. */
  readonly of: number;
  /** What was answered, and what was expected. */
  readonly problem: string;
  /** `false` where the calls alone did not fail again. */
  readonly isRepeatable: boolean;
}

/** Runs the histories of one kind. */
export interface HistoryRunner {
  /** Runs the history of a seed; what is wrong with it, if anything. */
  run(seed: number): Promise<HistoryFailure | undefined>;
  /** Closes stores and removes spaces. */
  end(): Promise<void>;
}

/** How long a failing history may be made shorter. */
export const SHRINKING = { milliseconds: 20_000, tries: 400 } as const;
