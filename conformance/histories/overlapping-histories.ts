import { withTimeLimit } from "../harness/time-limit.js";
import type { Plan } from "./client-plan.js";
import { drawn, type History } from "./history.js";
import { type HistoryFailure, type HistoryPlan, type HistoryRunner, SHRINKING } from "./history-plan.js";
import { HistorySpace } from "./history-space.js";
import { misfitIn } from "./judge.js";
import { CLIENTS, flat, judged, raceOn, racePlanOf, unflat } from "./race.js";
import { ShrinkBudget, shortestFailing } from "./shrink.js";

/** Times that shorter calls are tried: whether they meet is up to the machine. */
const REPEATS = 5;

/** Calls of several callers and stores at once: some order of them has to explain every answer. */
export class OverlappingHistories implements HistoryRunner {
  readonly #plan: HistoryPlan;
  #space: HistorySpace | undefined;
  #tenants = 0;

  constructor(plan: HistoryPlan) {
    this.#plan = plan;
  }

  async run(seed: number): Promise<HistoryFailure | undefined> {
    const plan = racePlanOf(seed, this.#plan.operations);
    const found = await this.#fault(plan);
    return found && this.#shrunk(seed, plan, found);
  }

  async end(): Promise<void> {
    await this.#space?.end();
  }

  /** What these calls show, if something. */
  async #fault(plan: Plan): Promise<History | Error | undefined> {
    const { harness, space, stores, timeoutMs } = this.#plan;
    this.#space ??= await HistorySpace.open(harness, space(), harness.durable ? stores : 1, timeoutMs);
    const race = raceOn(this.#space.stores, plan, `tenant-${++this.#tenants}`);
    const history = await withTimeLimit(race, timeoutMs, "the history").catch((error: Error) => error);
    if (history instanceof Error) return history;
    const { history: part, isLinearizable } = judged(history);
    return isLinearizable ? undefined : part;
  }

  async #shrunk(seed: number, plan: Plan, found: History | Error): Promise<HistoryFailure> {
    const of = flat(plan).length;
    if (found instanceof Error) return { kind: "overlapping", seed, of, ...failed(found) };
    const budget = new ShrinkBudget(SHRINKING);
    let history = found;
    let isRepeatable = false;
    const fails = async (steps: ReturnType<typeof flat>): Promise<boolean> => {
      for (let repeats = REPEATS; repeats > 0; repeats--) {
        const fault = await this.#fault(unflat(steps, CLIENTS));
        if (fault === undefined || fault instanceof Error) continue;
        history = fault;
        isRepeatable = true;
        return true;
      }
      return false;
    };
    await shortestFailing(flat(plan), fails, budget);
    return { kind: "overlapping", seed, of, isRepeatable, ...explained(history) };
  }
}

/** Calls that failed by what is no StateError, or did not end. */
export function failed({ message }: Error): Pick<HistoryFailure, "calls" | "problem" | "isRepeatable"> {
  return { calls: [], problem: `it failed: ${message}`, isRepeatable: false };
}

/** What no order explains, in words. */
export function explained(history: History): Pick<HistoryFailure, "calls" | "problem"> {
  const { calls, why } = misfitIn(history);
  const problem = `no order explains these answers, whose times are in microseconds. ${why}`;
  return { calls: drawn(calls).split("\n"), problem };
}
