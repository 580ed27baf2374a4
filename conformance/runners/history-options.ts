import { invalid } from "../../src/contract/errors.js";
import { readInteger, readOptions } from "../../src/validation/validate.js";
import type { Harness } from "../harness/case.js";
import { unmetNeed } from "../harness/unmet-need.js";
import { HISTORY_KINDS, type HistoryKind, type HistoryPlan } from "../histories/history-plan.js";
import type { HistoryRange } from "../histories/history-run.js";
import { randomSeed, SEEDS } from "../inputs/seeds.js";
import { HISTORY_DEFAULTS, HISTORY_NEEDS } from "./history-cases.js";
import { moduleUrl, readBoolean, readHarness, readString } from "./read-harness.js";
import { DEFAULT_TIMEOUT_MS, MOST_MINUTES, MOST_SEEDS, MOST_TIMEOUT_MS } from "./run-bounds.js";

/** How many random histories are run, and how they are made. */
export interface HistoryOptions {
  /** The seed of the first one; the others have those that follow. 0 to 4,294,967,295. Random unless given. */
  readonly seed?: number;
  /**
   * How many of each kind; of `processes`, which take long, a tenth. 100 unless given; 1 where `seed` is given, and as many
   * as there is time for where `minutes` is. With `minutes` as well, each kind ends when the first of both is reached.
   */
  readonly seeds?: number;
  /** For how long, in all. */
  readonly minutes?: number;
  /** Which kinds. All that the harness can be asked for unless given; one that it cannot be asked for is INVALID_RECORD. */
  readonly kinds?: readonly HistoryKind[];
  /** Calls of one history at most: 2 to 1,000, 60 unless given. Other numbers make other histories of the same seed. */
  readonly operations?: number;
  /** How many stores of a space are asked: 2 to 16, 3 unless given. */
  readonly stores?: number;
  /** How many processes: 2 to 16, 3 unless given. */
  readonly processes?: number;
  /** Whether stores are closed and opened again in the course of a history. Default true; of a durable harness only. */
  readonly restarts?: boolean;
  /** Where other processes can import the harness from, as their default import: a path or a file URL. */
  readonly modulePath?: string;
  /** How long one history may take. Default 20,000. */
  readonly timeoutMs?: number;
}

export interface HistoriesWanted {
  readonly plan: HistoryPlan;
  /** Of each kind. */
  readonly range: HistoryRange;
  readonly kinds: readonly HistoryKind[];
}

const OPTIONS = [
  ...["seed", "seeds", "minutes", "kinds", "operations", "stores", "processes", "restarts"],
  ...["modulePath", "timeoutMs"],
];
const DEFAULT_SEEDS = 100;

export function historiesWanted(
  harness: Harness,
  options: HistoryOptions | undefined,
  space: () => string,
): HistoriesWanted {
  const given: HistoryOptions = readOptions(options, OPTIONS);
  const { operations, stores, processes } = { ...HISTORY_DEFAULTS, ...given };
  const { modulePath, restarts, timeoutMs = DEFAULT_TIMEOUT_MS } = given;
  const module = modulePath === undefined ? undefined : moduleUrl(readString(modulePath, "modulePath"));
  const plan: HistoryPlan = {
    harness: readHarness(harness),
    module,
    operations: readInteger(operations, "operations", 2, 1_000),
    stores: readInteger(stores, "stores", 2, 16),
    processes: readInteger(processes, "processes", 2, 16),
    restarts: restarts === undefined || readBoolean(restarts, "restarts"),
    timeoutMs: readInteger(timeoutMs, "timeoutMs", 1, MOST_TIMEOUT_MS),
    space,
  };
  const kinds = readKinds(given.kinds, plan);
  const range = readRange(given) ?? { ...DEFAULT_RANGE, first: randomSeed() };
  return { plan, kinds, range: { ...range, milliseconds: range.milliseconds / kinds.length } };
}

const DEFAULT_RANGE = { count: DEFAULT_SEEDS, milliseconds: Number.POSITIVE_INFINITY };

/** Which random histories are asked for, if any. */
export function readRange({
  seeds,
  minutes,
  seed,
}: Pick<HistoryOptions, "seeds" | "minutes" | "seed">): HistoryRange | undefined {
  if (seeds === undefined && minutes === undefined && seed === undefined) return undefined;
  const otherwise = minutes === undefined ? 1 : MOST_SEEDS;
  return {
    first: seed === undefined ? randomSeed() : readInteger(seed, "seed", 0, SEEDS - 1),
    count: seeds === undefined ? otherwise : readInteger(seeds, "seeds", 1, MOST_SEEDS),
    milliseconds: minutes === undefined ? Number.POSITIVE_INFINITY : 60_000 * readMinutes(minutes),
  };
}

function readMinutes(minutes: unknown): number {
  if (typeof minutes === "number" && minutes > 0 && minutes <= MOST_MINUTES) return minutes;
  throw invalid("minutes", `a number above 0, and at most ${MOST_MINUTES}`);
}

function readKinds(kinds: unknown, { harness, module }: HistoryPlan): readonly HistoryKind[] {
  const unmet = (kind: HistoryKind) => unmetNeed(HISTORY_NEEDS[kind], harness, module);
  if (kinds === undefined) return HISTORY_KINDS.filter((kind) => unmet(kind) === undefined);
  const wanted = Array.isArray(kinds) ? HISTORY_KINDS.filter((kind) => kinds.includes(kind)) : [];
  if (wanted.length === 0 || wanted.length !== (kinds as unknown[]).length)
    throw invalid("kinds", `a list of these, each once: ${HISTORY_KINDS.join(", ")}`);
  for (const kind of wanted) {
    const why = unmet(kind);
    if (why !== undefined) throw invalid("kinds", `without "${kind}": ${why}`);
  }
  return wanted;
}
