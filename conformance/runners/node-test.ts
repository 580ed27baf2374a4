import type { ConformanceCase, Harness } from "../harness/case.js";
import { subjectOf } from "./report.js";
import { ConformanceRun, inPhases } from "./run.js";
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
    const timeout = 3 * run.timeoutMs(each);
    nodeTest.test(each.id, skip === undefined ? { timeout } : { skip }, () => run.execute(each));
  };
  const [busy, quiet] = inPhases(cases, (each) => each);
  nodeTest.describe(`conformance of ${subject}`, { concurrency }, () => {
    for (const each of busy) declare(each);
    if (quiet.length === 0) nodeTest.after?.(() => run.end());
  });
  if (quiet.length === 0) return;
  nodeTest.describe(`conformance of ${subject}, once the rest is over`, { concurrency }, () => {
    for (const each of quiet) declare(each);
    nodeTest.after?.(() => run.end());
  });
}
