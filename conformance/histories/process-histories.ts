import { withTimeLimit } from "../harness/time-limit.js";
import { Choices } from "./choices.js";
import type { History } from "./history.js";
import type { HistoryFailure, HistoryPlan, HistoryRunner } from "./history-plan.js";
import { explained, failed } from "./overlapping-histories.js";
import { incidentsOf, playAcross } from "./process-course.js";
import { flat, judged, racePlanOf } from "./race.js";
import { StoreProcesses } from "./store-processes.js";

/** How long the processes may take to start. */
const START_MS = 30_000;

/** The same where each store is in a process of its own: some order has to explain every answer that came. */
export class ProcessHistories implements HistoryRunner {
  readonly #plan: HistoryPlan;
  readonly #space: string;
  #processes: StoreProcesses | undefined;
  #tenants = 0;

  constructor(plan: HistoryPlan) {
    this.#plan = plan;
    this.#space = plan.space();
  }

  async run(seed: number): Promise<HistoryFailure | undefined> {
    const { operations, processes: size, module = "", timeoutMs } = this.#plan;
    const plan = racePlanOf(seed, operations);
    const incidents = incidentsOf(new Choices(~seed), plan.length, size);
    this.#processes ??= await withTimeLimit(
      StoreProcesses.launch(size, module, this.#space),
      Math.max(START_MS, timeoutMs),
      "starting processes",
    );
    const playing = playAcross(this.#processes, plan, incidents, `tenant-${++this.#tenants}`);
    const told = await withTimeLimit(playing, Math.max(START_MS, timeoutMs), "the history").catch(
      (error: Error) => error,
    );
    const found = faultOf(told);
    const isRepeatable = false;
    const about = { kind: "processes", seed, of: flat(plan).length, isRepeatable } as const;
    if (found === undefined) return undefined;
    return { ...about, ...(found instanceof Error ? failed(found) : explained(found)) };
  }

  async end(): Promise<void> {
    const { harness, timeoutMs } = this.#plan;
    await this.#processes?.end();
    await withTimeLimit(Promise.resolve(harness.destroy?.(this.#space)), timeoutMs, "destroy").catch(
      () => {},
    );
  }
}

function faultOf(told: History["calls"] | Error): History | Error | undefined {
  if (told instanceof Error) return told;
  const { history, isLinearizable } = judged({ calls: told, asksAgain: false });
  return isLinearizable ? undefined : history;
}
