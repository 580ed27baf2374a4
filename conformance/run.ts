import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { newEventId, type StateStore } from "../src/index.js";
import type { ConformanceCase, Harness } from "./case.js";
import { OpenContext, type Surroundings } from "./context.js";
import { failureOf } from "./failure.js";
import type { CaseResult, Report } from "./report.js";
import { cases as suite } from "./suite.js";

export interface RunOptions {
  /** Only cases whose id contains one of these. */
  readonly only?: string | readonly string[];
  /** Where other processes can import the harness from, as their default import: a path or a file URL. */
  readonly modulePath?: string;
  /** How long one case may take. Default 20,000. One that starts processes may take three times as long. */
  readonly timeoutMs?: number;
  /** How many cases run side by side. Default 4. */
  readonly concurrency?: number;
  /** Begin no case after one has failed. For `runConformance`; test runners have a way of their own. */
  readonly bail?: boolean;
  /** Called when a case has ended: soon, and so not in the order of the suite. For `runConformance`. */
  readonly onResult?: (result: CaseResult) => void;
}

export const DEFAULT_CONCURRENCY = 4;
const DEFAULT_TIMEOUT_MS = 20_000;
const TIMES_FOR_PROCESSES = 3;
/** How long stores may take to close after a case that did not end: what hung may well hang on. */
const CLOSE_AFTER_HANG_MS = 1_000;

/** The harness itself failed, so that there is nothing to report about the store. The cause is what it threw. */
export class HarnessError extends Error {}

/**
 * Runs the suite against a harness. Never rejects for a store that breaks a rule: the report says it. Rejects when
 * the harness can open no store at all, before any case, and when it cannot remove what the cases left.
 */
export async function runConformance(harness: Harness, options: RunOptions = {}): Promise<Report> {
  const started = performance.now();
  const run = new ConformanceRun(harness, options);
  await run.probe();
  const cases = selectCases(options.only);
  const results = new Array<CaseResult | undefined>(cases.length);
  const numbered = cases.entries();
  let isOver = false;
  const worker = async (): Promise<void> => {
    for (const [index, each] of numbered) {
      if (isOver) return;
      const result = await run.judge(each);
      results[index] = result;
      options.onResult?.(result);
      isOver ||= options.bail === true && result.outcome === "failed";
    }
  };
  await Promise.all(Array.from({ length: options.concurrency ?? DEFAULT_CONCURRENCY }, worker));
  await run.end();
  return reportOf(harness, results, performance.now() - started);
}

function reportOf(
  { name, durable, destroy }: Harness,
  all: readonly (CaseResult | undefined)[],
  milliseconds: number,
): Report {
  const results = all.filter((result) => result !== undefined);
  const count = (outcome: CaseResult["outcome"]) =>
    results.filter((result) => result.outcome === outcome).length;
  return {
    harness: name,
    passed: count("passed"),
    failed: count("failed"),
    skipped: count("skipped"),
    notRun: all.length - results.length,
    milliseconds: Math.round(milliseconds),
    results,
    notes: durable && destroy === undefined ? [NO_DESTROY] : [],
  };
}

const NO_DESTROY =
  "the harness is durable and has no destroy(space): the spaces of this run are still there, and every run adds more";

export function selectCases(only: string | readonly string[] = ""): readonly ConformanceCase[] {
  const wanted = typeof only === "string" ? [only] : only;
  return suite.filter(({ id }) => wanted.some((text) => id.includes(text)));
}

/** One run over one harness: a space for all cases, a context for each. */
export class ConformanceRun {
  readonly #surroundings: Surroundings;
  readonly #timeoutMs: number;
  readonly #name = newEventId().toLowerCase();
  #contexts = 0;

  constructor(harness: Harness, options: RunOptions = {}) {
    const module = options.modulePath === undefined ? {} : { module: moduleUrl(options.modulePath) };
    this.#surroundings = { harness, space: this.#name, ...module };
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  /** Why this harness cannot be asked for this rule, if so. */
  skipReason({ needs }: ConformanceCase): string | undefined {
    const { harness, module } = this.#surroundings;
    if (needs === undefined) return undefined;
    if (!harness.durable) return "the harness is not durable";
    if (needs === "durable" || module !== undefined) return undefined;
    return "other processes need the harness's module path";
  }

  /** How long the case may take, without the closing of what it opened. */
  timeoutMs({ needs }: ConformanceCase): number {
    return needs === "processes" ? TIMES_FOR_PROCESSES * this.#timeoutMs : this.#timeoutMs;
  }

  /** Opens one store and closes it. Rejects when none can be opened, which every case would fail on. */
  async probe(): Promise<void> {
    const { harness, space } = this.#surroundings;
    try {
      const store: unknown = await inTime(harness.open(space, {}), this.#timeoutMs, "open");
      if (!isStore(store))
        throw new TypeError(`open resolved with ${inspect(store, { depth: 0 })}, no store`);
      // How it closes is for the cases to judge.
      await inTime(store.close(), this.#timeoutMs, "close").catch(() => {});
    } catch (cause) {
      throw new HarnessError("the harness could not open a store, so no case was run", { cause });
    }
  }

  /** Runs one case. Rejects with what it failed on. */
  async execute(each: ConformanceCase): Promise<void> {
    const opening = OpenContext.open(this.#surroundings, `${this.#name}-${this.#contexts++}`);
    const context = await inTime(opening, this.#timeoutMs, "opening a store");
    try {
      await inTime(each.run(context), this.timeoutMs(each), "the case");
    } catch (error) {
      // Why the case failed says more than what became of its stores.
      await this.#close(context, error instanceof LateError).catch(() => {});
      throw error;
    }
    await this.#close(context);
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

  /** Removes the space that the cases shared. */
  async end(): Promise<void> {
    const { harness, space } = this.#surroundings;
    try {
      await harness.destroy?.(space);
    } catch (cause) {
      throw new HarnessError("the harness could not remove the space that the cases shared", { cause });
    }
  }

  async #close(context: OpenContext, hung = false): Promise<void> {
    const closing = hung ? context.close({ timeoutMs: CLOSE_AFTER_HANG_MS }) : context.close();
    const limitMs = hung ? 2 * CLOSE_AFTER_HANG_MS : this.#timeoutMs;
    await inTime(closing, limitMs, "closing what the case had opened");
  }
}

class LateError extends Error {}

async function inTime<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new LateError(`${what} did not end within ${limitMs} ms`)), limitMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function isStore(value: unknown): value is StateStore {
  return typeof (value as StateStore | null | undefined)?.close === "function";
}

function moduleUrl(path: string): string {
  return path.startsWith("file:") ? path : pathToFileURL(path).href;
}
