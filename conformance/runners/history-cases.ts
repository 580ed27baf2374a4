import { newEventId } from "../../src/index.js";
import type { ConformanceCase, Need } from "../harness/case.js";
import { HISTORY_KINDS, type HistoryKind, type HistoryPlan, SHRINKING } from "../histories/history-plan.js";
import { failureText, type HistoryRange, runHistories } from "../histories/history-run.js";
import { MOST_TIMER_MS } from "./run-bounds.js";

/** What histories of a kind need of a harness. */
export const HISTORY_NEEDS: Readonly<Record<HistoryKind, Need | undefined>> = {
  "one-store": undefined,
  stores: "durable",
  overlapping: undefined,
  processes: "sharing",
};

const RULES: Readonly<Record<HistoryKind, string>> = {
  "one-store":
    "Whatever is asked of a store, call after call and across restarts, its answers are those of the model.",
  stores: "Stores of one space that are asked in turn, and opened anew, answer as one store would.",
  overlapping:
    "Calls of several callers and stores at once are linearizable: some order of them explains every answer.",
  processes: "So are the calls of several processes, also when one of them is killed or stands still.",
};

/** The ids that these cases have, whatever is asked for. */
export const HISTORY_IDS = HISTORY_KINDS.map((kind) => ({ id: idOf(kind) }));

/** What is as it is unless somebody says otherwise. */
export const HISTORY_DEFAULTS = { operations: 60, stores: 3, processes: 3, restarts: true } as const;

/** A history over processes takes as long as ten others. */
const SHARE_OF_PROCESSES = 10;

/** The random histories as cases, one of each kind. */
export function historyCases(range: HistoryRange, timeoutMs: number): readonly ConformanceCase[] {
  return HISTORY_KINDS.map((kind) => {
    const own = { ...range, count: countOf(kind, range.count) };
    const needs = HISTORY_NEEDS[kind];
    return {
      id: idOf(kind),
      rule: RULES[kind],
      ...(needs && { needs }),
      bringsNeighbours: true,
      isLast: true,
      timeLimitMs: timeLimitOf(own, timeoutMs),
      async run({ harness, module, unique }) {
        const plan: HistoryPlan = { ...HISTORY_DEFAULTS, harness, module, timeoutMs, space: unique };
        const { failure } = await runHistories(kind, plan, own);
        if (failure) throw new Error(failureText(failure, module));
      },
    };
  });
}

function idOf(kind: HistoryKind): string {
  return `histories/${kind}`;
}

/** How many histories of a kind are run where so many are asked for. */
export function countOf(kind: HistoryKind, count: number): number {
  return kind === "processes" ? Math.ceil(count / SHARE_OF_PROCESSES) : count;
}

/** Each history has a limit of its own, so that this one need not be close. */
function timeLimitOf({ count, milliseconds }: HistoryRange, timeoutMs: number): number {
  const longest = Math.min(3 * count * timeoutMs, milliseconds);
  return Math.min(longest + 2 * SHRINKING.milliseconds + 10 * timeoutMs, MOST_TIMER_MS);
}

/** Names of spaces that nobody else uses. */
export function spaceNames(): () => string {
  const run = newEventId().toLowerCase();
  let given = 0;
  return () => `${run}-${given++}`;
}
