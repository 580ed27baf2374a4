import { createLedger } from "../../../dist/src/ledger/index.js";
import type { Contestant, Setting } from "../contestant.js";
import { ledgerRace } from "../ledger-race.js";
import { TENANT } from "../ledger-year.js";
import { summaryText } from "../tally.js";

/** The ledger as a user calls it. */
export function open(setting: Setting): Promise<Contestant> {
  return ledgerRace(setting, async (store, question) => {
    const { groups } = await createLedger(store).summarize({ tenant: TENANT }, question);
    return summaryText(groups);
  });
}
