import { createLedger } from "../../../dist/src/ledger/index.js";
import { openLedgerStore } from "../ledger-store.js";
import { callAt, TENANT } from "../ledger-year.js";
import type { LedgerFill } from "../results.js";
import type { Filled } from "../section.js";

const CALLERS = 256;

/** Records a year as a user would, many calls at once. */
export async function run(filled: Filled): Promise<LedgerFill> {
  const { records, url } = filled;
  const store = await openLedgerStore(filled);
  const ledger = createLedger(store);
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < records) {
      const { identity, entry } = callAt(next++, records);
      await ledger.record(identity, entry);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const seconds = (performance.now() - started) / 1_000;
  const { calls } = await ledger.totals({ tenant: TENANT });
  await store.close();
  if (calls !== records) throw new Error(`${calls} calls were recorded instead of ${records}`);
  return { driver: url === undefined ? "SQLite" : "Postgres", entries: records, callers: CALLERS, seconds };
}
