import { relative } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { SEEDS } from "../inputs/seeds.js";
import type { HistoryFailure, HistoryKind, HistoryPlan, HistoryRunner } from "./history-plan.js";
import { OverlappingHistories } from "./overlapping-histories.js";
import { ProcessHistories } from "./process-histories.js";
import { SequentialHistories } from "./sequential-histories.js";

/** How far histories go on: until one of these is reached. */
export interface HistoryRange {
  /** The seed of the first history; each other has the one that follows. */
  readonly first: number;
  readonly count: number;
  readonly milliseconds: number;
}

/** What became of the histories of one kind. */
export interface HistoriesOfKind {
  readonly histories: number;
  readonly failure?: HistoryFailure;
}

/** Runs histories of one kind, one after another, until one fails. */
export async function runHistories(
  kind: HistoryKind,
  plan: HistoryPlan,
  { first, count, milliseconds }: HistoryRange,
): Promise<HistoriesOfKind> {
  const until = performance.now() + milliseconds;
  const runner = runnerOf(kind, plan);
  let histories = 0;
  try {
    do {
      const failure = await runner.run((first + histories) % SEEDS);
      histories++;
      if (failure !== undefined) return { histories, failure };
    } while (histories < count && performance.now() < until);
    return { histories };
  } finally {
    await runner.end();
  }
}

function runnerOf(kind: HistoryKind, plan: HistoryPlan): HistoryRunner {
  if (kind === "overlapping") return new OverlappingHistories(plan);
  if (kind === "processes") return new ProcessHistories(plan);
  return new SequentialHistories(kind, plan);
}

const MOST_LINES = 30;
const MOST_CHARACTERS = 180;

/** A failure for people: how to repeat it, the calls, and what is wrong with the answers. */
export function failureText(
  { kind, seed, calls, of, problem, isRepeatable }: HistoryFailure,
  module: string | undefined,
): string {
  const size = calls.length === 0 ? `${of} calls` : `${calls.length} of ${of} calls`;
  const shown = calls.slice(0, MOST_LINES).map((call) => `  ${clip(call)}`);
  const more = calls.length > MOST_LINES ? [`  … and ${calls.length - MOST_LINES} more`] : [];
  const seldom = isRepeatable ? [] : ["It did not fail again by itself: repeat it several times."];
  return [
    `the history of seed ${seed} fails, ${size}`,
    `to repeat it: ${command(kind, seed, module)}`,
    ...seldom,
    ...shown,
    ...more,
    ...problem.split("\n").map(clip),
  ].join("\n");
}

function command(kind: HistoryKind, seed: number, module: string | undefined): string {
  const only = `histories/${kind}`;
  if (module === undefined) return `the options only: "${only}", seed: ${seed}`;
  return `groundstate conformance ${relative(process.cwd(), fileURLToPath(module))} --only ${only} --seed ${seed}`;
}

function clip(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)} …`;
}
