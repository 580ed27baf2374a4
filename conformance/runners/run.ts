import { performance } from "node:perf_hooks";
import { inspect } from "node:util";
import { newEventId, type StateStore } from "../../src/index.js";
import type { BystanderData } from "../harness/bystander-data.js";
import type { ConformanceCase, Harness } from "../harness/case.js";
import { OpenContext, type RunContext } from "../harness/case-context.js";
import { failureOf } from "../harness/failure.js";
import { LateError, withTimeLimit } from "../harness/time-limit.js";
import { unmetNeed } from "../harness/unmet-need.js";
import { type CaseResult, headingOf, notesOn, type Report, reportOf } from "./report.js";
import { planOf, type RunOptions, type RunPlan } from "./run-options.js";

const TIMES_FOR_PROCESSES = 3;
/** How long stores may take to close after a case that did not end: what hung may well hang on. */
const CLOSE_AFTER_HANG_MS = 1_000;
const LOOKING = "looking at another's data";

/** The harness itself failed, so that there is nothing to report about the store. The cause is what it threw. */
export class HarnessError extends Error {}

/**
 * Runs the suite against a harness. Never rejects for a store that breaks a rule: the report says it. Rejects when
 * the options are not valid, when the harness can open no store at all, before any case, and when it cannot remove
 * what the cases left.
 *
 * @example
 * ```ts
 * import { formatReport, referenceHarness, runConformance } from "groundstate/conformance";
 *
 * console.log(formatReport(await runConformance(referenceHarness, { only: "conditions/" })));
 * ```
 */
export async function runConformance(harness: Harness, options: RunOptions = {}): Promise<Report> {
  return runPlan(planOf(harness, options));
}

/** The same for a plan. */
export async function runPlan(plan: RunPlan): Promise<Report> {
  const started = performance.now();
  const { cases, onResult, around = runAlone } = plan;
  const run = new ConformanceRun(plan);
  await run.probe();
  const results = new Array<CaseResult | undefined>(cases.length);
  let isOver = false;
  const worker = async (numbered: Iterable<[number, ConformanceCase]>): Promise<void> => {
    for (const [index, each] of numbered) {
      if (isOver) return;
      const result = await around(each.id, () => run.judge(each));
      results[index] = result;
      onResult?.(result);
      isOver ||= plan.bail && result.outcome === "failed";
    }
  };
  for (const phase of inPhases([...cases.entries()], ([, each]) => each)) {
    // One iterator for all workers: each case goes to one of them.
    const next = phase.values();
    await Promise.all(Array.from({ length: plan.concurrency }, () => worker(next)));
  }
  for (const { id, error } of await run.lookBack()) {
    const index = cases.findIndex((each) => each.id === id);
    const passed = results[index] as CaseResult;
    results[index] = { ...passed, outcome: "failed", error: failureOf(error) };
    onResult?.(results[index]);
  }
  await run.removeSpace();
  return reportOf(headingOf(plan), results, performance.now() - started, notesOn(plan));
}

/** The cases that may run beside any other, those that run when these are over, and those that run last. */
export function inPhases<T>(
  all: readonly T[],
  caseOf: (each: T) => ConformanceCase,
): [readonly T[], readonly T[], readonly T[]] {
  const phase = ({ needsQuiet, isLast }: ConformanceCase) => (isLast ? 2 : needsQuiet ? 1 : 0);
  const of = (number: number) => all.filter((each) => phase(caseOf(each)) === number);
  return [of(0), of(1), of(2)];
}

function runAlone<T>(_: string, run: () => Promise<T>): Promise<T> {
  return run();
}

/** One run over one harness: a space for all cases, a context for each. */
export class ConformanceRun {
  readonly #surroundings: RunContext;
  readonly #timeoutMs: number;
  readonly #name = newEventId().toLowerCase();
  /** What another still has in the space that the cases shared, by the case that it lay beside. */
  readonly #kept: { readonly id: string; readonly ground: BystanderData }[] = [];
  #contexts = 0;

  constructor({ harness, module, mode, timeoutMs }: RunPlan) {
    const others = module === undefined ? {} : { module };
    this.#surroundings = { harness, space: this.#name, beside: mode === "beside", ...others };
    this.#timeoutMs = timeoutMs;
  }

  /** Why this harness cannot be asked for this rule, if so. */
  skipReason({ needs }: ConformanceCase): string | undefined {
    const { harness, module } = this.#surroundings;
    return unmetNeed(needs, harness, module);
  }

  /** How long the case may take, without the closing of what it opened. */
  timeoutMs({ needs, timeLimitMs }: ConformanceCase): number {
    if (timeLimitMs !== undefined) return timeLimitMs;
    const startsProcesses = needs === "processes" || needs === "sharing";
    return startsProcesses ? TIMES_FOR_PROCESSES * this.#timeoutMs : this.#timeoutMs;
  }

  /** Opens one store and closes it. Rejects when none can be opened, which every case would fail on. */
  async probe(): Promise<void> {
    const { harness, space } = this.#surroundings;
    try {
      const store: unknown = await withTimeLimit(harness.open(space, {}), this.#timeoutMs, "open");
      if (!isStore(store))
        throw new TypeError(`open resolved with ${inspect(store, { depth: 0 })}, no store`);
      // How it closes is for the cases to judge.
      await withTimeLimit(store.close(), this.#timeoutMs, "close").catch(() => {});
    } catch (cause) {
      throw new HarnessError("the harness could not open a store, so no case was run", { cause });
    }
  }

  /** Runs one case. Rejects with what it failed on, or with what became of another's data beside it. */
  async execute(each: ConformanceCase): Promise<void> {
    const opening = OpenContext.open(this.#surroundings, `${this.#name}-${this.#contexts++}`, each);
    const context = await withTimeLimit(opening, this.#timeoutMs, "opening a store");
    let kept: readonly BystanderData[];
    try {
      await withTimeLimit(each.run(context), this.timeoutMs(each), "the case");
      kept = await withTimeLimit(context.assertBystanderUnchanged(), this.#timeoutMs, LOOKING);
    } catch (error) {
      // Why the case failed says more than what became of its stores.
      await this.#close(context, error instanceof LateError).catch(() => {});
      throw error;
    }
    await this.#close(context);
    for (const ground of kept) this.#kept.push({ id: each.id, ground });
  }

  async judge(each: ConformanceCase): Promise<CaseResult> {
    const { id, rule } = each;
    const reason = this.skipReason(each);
    if (reason !== undefined) return { id, rule, outcome: "skipped", milliseconds: 0, reason };
    const started = performance.now();
    const elapsed = () => Math.round(performance.now() - started);
    try {
      await this.execute(each);
      return { id, rule, outcome: "passed", milliseconds: elapsed() };
    } catch (error) {
      return { id, rule, outcome: "failed", milliseconds: elapsed(), error: failureOf(error) };
    }
  }

  /** The cases beside which another's data changed after they had passed. */
  async lookBack(): Promise<readonly { readonly id: string; readonly error: unknown }[]> {
    if (this.#kept.length === 0) return [];
    const store = await this.#openToLookBack();
    const changed: { id: string; error: unknown }[] = [];
    for (const { id, ground } of this.#kept) {
      const looking = withTimeLimit(ground.assertThere(store), this.#timeoutMs, LOOKING);
      await looking.catch((error: unknown) => changed.push({ id, error }));
    }
    // How it closes is for the cases to judge.
    await withTimeLimit(store.close(), this.#timeoutMs, "close").catch(() => {});
    return changed;
  }

  /** Removes the space that the cases shared. */
  async removeSpace(): Promise<void> {
    const { harness, space } = this.#surroundings;
    try {
      await withTimeLimit(Promise.resolve(harness.destroy?.(space)), this.#timeoutMs, "destroy");
    } catch (cause) {
      throw new HarnessError("the harness could not remove the space that the cases shared", { cause });
    }
  }

  /** For test runners, whose tests are over by then: rejects with the first that `lookBack` tells of. */
  async end(): Promise<void> {
    const [changed] = await this.lookBack();
    await this.removeSpace();
    if (changed) throw changed.error;
  }

  async #openToLookBack(): Promise<StateStore> {
    const { harness, space } = this.#surroundings;
    try {
      return await withTimeLimit(harness.open(space, {}), this.#timeoutMs, "open");
    } catch (cause) {
      throw new HarnessError("the harness could not open the space again that the cases shared", { cause });
    }
  }

  async #close(context: OpenContext, hung = false): Promise<void> {
    const closing = hung ? context.close({ timeoutMs: CLOSE_AFTER_HANG_MS }) : context.close();
    const limitMs = hung ? 2 * CLOSE_AFTER_HANG_MS : this.#timeoutMs;
    await withTimeLimit(closing, limitMs, "closing what the case had opened");
  }
}

function isStore(value: unknown): value is StateStore {
  return typeof (value as StateStore | null | undefined)?.close === "function";
}
