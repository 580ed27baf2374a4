import { LateError, withTimeLimit } from "../harness/time-limit.js";
import { type HistoryFailure, type HistoryPlan, type HistoryRunner, SHRINKING } from "./history-plan.js";
import { HistorySpace } from "./history-space.js";
import { Mismatch, runScript } from "./run-script.js";
import { type Script, scriptOf } from "./script.js";
import { ShrinkBudget } from "./shrink.js";
import { simplestScript } from "./simplest-script.js";
import type { Step } from "./step.js";
import { askedInWords } from "./words.js";

/** One call after another: every answer has to be the model's. */
export class SequentialHistories implements HistoryRunner {
  readonly #kind: "one-store" | "stores";
  readonly #plan: HistoryPlan;
  /** The space of all histories that pass, each in tenants of its own. */
  #space: HistorySpace | undefined;

  constructor(kind: "one-store" | "stores", plan: HistoryPlan) {
    this.#kind = kind;
    this.#plan = plan;
  }

  async run(seed: number): Promise<HistoryFailure | undefined> {
    const { operations, harness, restarts } = this.#plan;
    const script = scriptOf(seed, {
      operations,
      mark: `#${seed}`,
      stores: this.#stores,
      restarts: restarts && harness.durable === true,
    });
    this.#space ??= await this.#open();
    const error = await this.#failureOn(this.#space, script);
    return error && this.#shrunk(seed, script, error);
  }

  async end(): Promise<void> {
    await this.#space?.end();
  }

  get #stores(): number {
    return this.#kind === "stores" ? this.#plan.stores : 1;
  }

  #open(): Promise<HistorySpace> {
    const { harness, space, timeoutMs } = this.#plan;
    return HistorySpace.open(harness, space(), this.#stores, timeoutMs);
  }

  async #failureOn(space: HistorySpace, script: Script): Promise<Error | undefined> {
    const work = runScript(script, space);
    return withTimeLimit(work, this.#plan.timeoutMs, "the history").then(
      () => undefined,
      (error: Error) => error,
    );
  }

  /** Each attempt in an empty space, so that nothing but the calls can be the cause. */
  async #shrunk(seed: number, script: Script, found: Error): Promise<HistoryFailure> {
    let error = found;
    const fails = async (candidate: Script): Promise<boolean> => {
      const space = await this.#open().catch(() => undefined);
      if (space === undefined) return false;
      const failure = await this.#failureOn(space, candidate);
      await space.end();
      // What hangs takes its whole time limit: looked for only where that is the failure.
      if (failure === undefined || failure instanceof LateError !== found instanceof LateError) return false;
      error = failure;
      return true;
    };
    const asked = { ...script, steps: upTo(found, script.steps) };
    const isRepeatable = await fails(asked);
    const { steps } = isRepeatable ? await simplestScript(asked, fails, new ShrinkBudget(SHRINKING)) : asked;
    return {
      ...{ kind: this.#kind, seed, of: script.steps.length, isRepeatable },
      calls: inLines(steps, error),
      problem: problemOf(error),
    };
  }
}

function upTo(error: Error, steps: readonly Step[]): readonly Step[] {
  return error instanceof Mismatch ? steps.slice(0, error.number + 1) : steps;
}

/** With what was asked in the end, where it was that which was answered wrong. */
function inLines(steps: readonly Step[], error: Error): readonly string[] {
  const last = error instanceof Mismatch && error.number >= steps.length ? [error.step] : [];
  return [...steps, ...last].map(askedInWords);
}

function problemOf(error: Error): string {
  if (!(error instanceof Mismatch)) return `it failed: ${error.message}`;
  return `answered: ${error.answered}\nexpected: ${error.expected}`;
}
