import { createLedger } from "../../../dist/src/ledger/index.js";
import type { Setting } from "../contestant.js";
import { openTypedStore } from "../contestants/typed-calls.js";
import { TENANT } from "../typed-work/typed-work.js";

/** How many calls the sums of the tenant have, after processes have recorded them. */
export async function run(setting: Setting): Promise<number> {
  const store = await openTypedStore(setting);
  try {
    return (await createLedger(store).totals({ tenant: TENANT })).calls;
  } finally {
    await store.close();
  }
}
