import { createLedger } from "../../../dist/src/ledger/index.js";
import type { Contestant, Setting } from "../contestant.js";
import { openNamed } from "../ledger-store.js";
import { callAt, TENANT } from "../ledger-year.js";

/** Calls recorded in the order of time. */
export async function open(setting: Setting): Promise<Contestant> {
  const store = await openNamed(setting, "recording_ledger");
  const ledger = createLedger(store);
  const { records = 0 } = setting;
  let recorded = 0;
  const record = () => {
    const { identity, entry } = callAt(recorded++, records);
    return ledger.record(identity, entry);
  };
  return {
    overlaps: true,
    settings: "",
    operations: { record: { run: record } },
    async check() {
      const { calls } = await ledger.totals({ tenant: TENANT });
      if (calls !== recorded) throw new Error(`${calls} calls are in the sums instead of ${recorded}`);
    },
    close: () => store.close(),
  };
}
