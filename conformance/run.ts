import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";
import { newEventId } from "../src/index.js";
import type { ConformanceCase, Harness } from "./case.js";
import { OpenContext, type Surroundings } from "./context.js";
import { type CaseResult, type Report, reportOf } from "./report.js";
import { cases as suite } from "./suite.js";

export interface RunOptions {
  /** Only cases whose id contains one of these. */
  readonly only?: string | readonly string[];
  /** Where other processes can import the harness from, as their default import: a path or a file URL. */
  readonly modulePath?: string;
  /** How long one case may take. Default 60,000. */
  readonly timeoutMs?: number;
  /** How many cases run side by side. Default 4. */
  readonly concurrency?: number;
}

export const DEFAULT_TIMEOUT_MS = 60_000;
export const DEFAULT_CONCURRENCY = 4;

/** Runs the suite against a harness. Never rejects for a store that breaks a rule: the report says it. */
export async function runConformance(harness: Harness, options: RunOptions = {}): Promise<Report> {
  const started = performance.now();
  const run = new ConformanceRun(harness, options);
  const cases = selectCases(options.only);
  const results = new Array<CaseResult>(cases.length);
  const numbered = cases.entries();
  const worker = async (): Promise<void> => {
    for (const [index, each] of numbered) results[index] = await run.judge(each);
  };
  await Promise.all(Array.from({ length: options.concurrency ?? DEFAULT_CONCURRENCY }, worker));
  await run.end();
  return reportOf(harness.name, results, performance.now() - started);
}

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

  /** Runs one case. Rejects with what it failed on. */
  async execute(each: ConformanceCase): Promise<void> {
    const context = await OpenContext.open(this.#surroundings, `${this.#name}-${this.#contexts++}`);
    try {
      await this.#inTime(each.run(context), "the case");
    } finally {
      await this.#inTime(context.close(), "closing what the case had opened");
    }
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
      return { id, rule, outcome: "failed", milliseconds: elapsed(), error: errorOf(error) };
    }
  }

  /** Removes the space that the cases shared. */
  async end(): Promise<void> {
    const { harness, space } = this.#surroundings;
    await harness.destroy?.(space);
  }

  async #inTime(work: Promise<void>, what: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `${what} did not end within ${this.#timeoutMs} ms`;
      timer = setTimeout(() => reject(new Error(message)), this.#timeoutMs);
    });
    await Promise.race([work, late]).finally(() => clearTimeout(timer));
  }
}

function moduleUrl(path: string): string {
  return path.startsWith("file:") ? path : pathToFileURL(path).href;
}

function errorOf(error: unknown): { message: string; stack?: string } {
  if (!(error instanceof Error)) return { message: String(error) };
  return error.stack === undefined
    ? { message: error.message }
    : { message: error.message, stack: error.stack };
}
