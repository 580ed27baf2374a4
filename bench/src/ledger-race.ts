import type { StateStore } from "../../dist/src/index.js";
import type { Contestant, Operation, Setting } from "./contestant.js";
import { openLedgerStore } from "./ledger-store.js";
import { answerTo, QUESTIONS, type Question } from "./ledger-year.js";

/** A way to answer; in text that holds every group. */
export type Answering = (store: StateStore, question: Question) => Promise<string>;

/** Asks a filled ledger one question after another. */
export async function ledgerRace(setting: Setting, answer: Answering): Promise<Contestant> {
  const { folder, url, records = 0 } = setting;
  const store = await openLedgerStore({ folder, records, ...(url === undefined ? {} : { url }) });
  const operations = Object.entries(QUESTIONS).map(([name, question]): [string, Operation] => [
    name,
    { run: () => answer(store, question) },
  ]);
  return {
    overlaps: true,
    settings: "",
    operations: Object.fromEntries(operations),
    async check() {
      for (const [name, question] of Object.entries(QUESTIONS)) {
        if ((await answer(store, question)) !== String(answerTo(question, records)))
          throw new Error(`its groups "${name}" are not what the calls come to`);
      }
    },
    close: () => store.close(),
  };
}
