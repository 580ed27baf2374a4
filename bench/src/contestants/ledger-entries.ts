import type { StateStore } from "../../../dist/src/index.js";
import type { Contestant, Setting } from "../contestant.js";
import { pagesOf } from "../ledger-pages.js";
import { ledgerRace } from "../ledger-race.js";
import { type Question, USERS } from "../ledger-year.js";
import { Tally } from "../tally.js";

/** What there is to do without rollups: every entry of every user is read and added up. */
export function open(setting: Setting): Promise<Contestant> {
  return ledgerRace(setting, addUp);
}

async function addUp(store: StateStore, question: Question): Promise<string> {
  const tally = new Tally(question);
  for (const user of USERS) {
    for await (const entries of pagesOf(store, user)) for (const entry of entries) tally.add(entry);
  }
  return String(tally);
}
