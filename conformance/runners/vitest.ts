import type { Harness } from "../harness/case.js";
import { subjectOf } from "./report.js";
import { ConformanceRun } from "./run.js";
import { MOST_TIMER_MS } from "./run-bounds.js";
import { planOf, type RunOptions } from "./run-options.js";

/** What the suite takes from `vitest`, which it does not import itself. */
export interface Vitest {
  /** `describe` of Vitest. */
  describe(name: string, body: () => void): unknown;
  /** `test` of Vitest. */
  readonly test: VitestTest & { skip: VitestTest; concurrent: VitestTest };
  /** If given, another's data is looked at once more at the end, and the space that the cases shared removed. */
  afterAll?(body: () => Promise<void>): unknown;
}

type VitestTest = (name: string, body: () => Promise<void>, timeoutMs?: number) => unknown;

/** Makes a vitest test of every case: `conformanceTests({ describe, test, afterAll }, harness)`. */
export function conformanceTests(vitest: Vitest, harness: Harness, options: RunOptions = {}): void {
  const plan = planOf(harness, options);
  const run = new ConformanceRun(plan);
  vitest.describe(`conformance of ${subjectOf({ ...plan, harness: harness.name })}`, () => {
    for (const each of plan.cases) {
      const reason = run.skipReason(each);
      // The suite's own limit comes first, for it says what took too long.
      const timeoutMs = Math.min(3 * run.timeoutMs(each), MOST_TIMER_MS);
      if (reason === undefined) vitest.test.concurrent(each.id, () => run.execute(each), timeoutMs);
      else vitest.test.skip(`${each.id} (${reason})`, async () => {});
    }
    vitest.afterAll?.(() => run.end());
  });
}
