import type { Harness } from "../harness/case.js";
import type { HistoryFailure, HistoryKind } from "../histories/history-plan.js";
import { failureText, runHistories } from "../histories/history-run.js";
import { countOf, spaceNames } from "./history-cases.js";
import { type HistoryOptions, historiesWanted } from "./history-options.js";

/** What became of random histories. */
export interface HistoriesReport {
  /** The seed of the first one. */
  readonly seed: number;
  /** How many were run, by kind. A kind that the harness cannot be asked for is missing. */
  readonly histories: Readonly<Partial<Record<HistoryKind, number>>>;
  /** The first that no right store gives. Where there is one, later kinds were not begun. */
  readonly failure?: HistoryFailure;
  /** The failure for people: how to repeat it, what was asked, what was answered and what expected. */
  readonly text?: string;
}

/**
 * Asks the stores of a harness random things, and compares their answers with those of a plain model of the contract; calls
 * that overlap have to be linearizable. Few names and event ids, so that calls meet. Ends with the first history that fails,
 * made as short as it can be within 20 seconds. What lies in between calls is up to the machine, so only the histories
 * `one-store` and `stores` fail again for sure with the same seed. Rejects when a store cannot be opened at all.
 *
 * @example
 * ```ts
 * import { randomHistories, referenceHarness } from "groundstate/conformance";
 *
 * const { failure, text } = await randomHistories(referenceHarness, { seeds: 20 });
 * if (failure) throw new Error(text);
 * ```
 */
export async function randomHistories(
  harness: Harness,
  options: HistoryOptions = {},
): Promise<HistoriesReport> {
  const { plan, range, kinds } = historiesWanted(harness, options, spaceNames());
  const histories: Partial<Record<HistoryKind, number>> = {};
  for (const kind of kinds) {
    const share = { ...range, count: countOf(kind, range.count) };
    const { histories: run, failure } = await runHistories(kind, plan, share);
    histories[kind] = run;
    if (failure) return { seed: range.first, histories, failure, text: failureText(failure, plan.module) };
  }
  return { seed: range.first, histories };
}
