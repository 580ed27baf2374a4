import type { ConformanceCase, Harness } from "../harness/case.js";
import { subjectOf } from "./report.js";
import { ConformanceRun, inPhases } from "./run.js";
import { MOST_TIMER_MS } from "./run-bounds.js";
import { planOf, type RunOptions } from "./run-options.js";

/** What the suite takes from `node:test`. Importing that turns a process into a test run, so it is handed in. */
export interface NodeTest {
  /** `describe` of `node:test`. */
  describe(name: string, options: { concurrency: number }, body: () => void): unknown;
  /** `test` of `node:test`. */
  test(name: string, options: { timeout?: number; skip?: string }, body: () => Promise<void>): unknown;
  /** If given, another's data is looked at once more at the end, and the space that the cases shared removed. */
  after?(body: () => Promise<void>): unknown;
}

/** Makes a `node:test` test of every case: `conformanceNodeTests(await import("node:test"), harness)`. */
export function conformanceNodeTests(nodeTest: NodeTest, harness: Harness, options: RunOptions = {}): void {
  const plan = planOf(harness, options);
  const run = new ConformanceRun(plan);
  const { cases, concurrency } = plan;
  const subject = subjectOf({ ...plan, harness: harness.name });
  const declare = (each: ConformanceCase): void => {
    const skip = run.skipReason(each);
    const timeout = Math.min(3 * run.timeoutMs(each), MOST_TIMER_MS);
    nodeTest.test(each.id, skip === undefined ? { timeout } : { skip }, () => run.execute(each));
  };
  const phases = inPhases(cases, (each) => each);
  const last = phases.findLastIndex((phase) => phase.length > 0);
  for (const [index, phase] of phases.entries()) {
    if (phase.length === 0) continue;
    const title = `conformance of ${subject}${index === 0 ? "" : AFTER[index - 1]}`;
    nodeTest.describe(title, { concurrency }, () => {
      for (const each of phase) declare(each);
      if (index === last) nodeTest.after?.(() => run.end());
    });
  }
}

const AFTER = [", once the rest is over", ", random histories"];
