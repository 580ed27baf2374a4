import { once } from "node:events";
import tape from "tape";

interface Results {
  /** How many assertions held. */
  passed: number;
  /** What did not, by test and assertion. */
  failed: string[];
}

/** The row of one assertion, as tape's object stream gives it. */
interface Row {
  readonly type: string;
  readonly name: string;
  readonly ok: boolean;
  readonly test: number;
  readonly id: number;
  readonly actual?: unknown;
  readonly expected?: unknown;
}

/** Runs tests that are written for tape. */
export async function tapeResults(declare: (test: typeof tape) => void): Promise<Results> {
  const harness = tape.createHarness();
  const rows = harness.createStream({ objectMode: true });
  const results: Results = { passed: 0, failed: [] };
  const tests = new Map<number, string>();
  rows.on("data", (row: Row) => {
    if (row.type === "test") tests.set(row.id, row.name);
    if (row.type !== "assert") return;
    if (row.ok) results.passed += 1;
    else results.failed.push(`${tests.get(row.test)}: ${row.name}: ${row.actual} instead of ${row.expected}`);
  });
  declare(harness as unknown as typeof tape);
  await once(rows, "end");
  return results;
}
