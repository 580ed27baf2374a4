import type { StateStore } from "../../../dist/src/index.js";
import { createLedger } from "../../../dist/src/ledger/index.js";
import { pagesOf } from "../ledger-pages.js";
import { openLedgerStore } from "../ledger-store.js";
import { TENANT, USERS, YEAR } from "../ledger-year.js";
import type { LedgerMemory } from "../results.js";
import type { Filled } from "../section.js";
import type { Entry } from "../tally.js";

export interface LedgerMemoryInput {
  readonly filled: Filled;
  readonly how: LedgerMemory["how"];
}

const FIRST_DAY = { by: "model", since: YEAR.since, until: new Date("2025-01-02") } as const;

/** How much more memory the process had at its peak, while it did that, than before. */
export async function run({ filled, how }: LedgerMemoryInput): Promise<LedgerMemory> {
  const { records, url } = filled;
  const store = await openLedgerStore(filled);
  // Whatever is loaded or made once is there afterwards.
  await createLedger(store).summarize({ tenant: TENANT }, FIRST_DAY);
  const before = process.memoryUsage.rss();
  const started = performance.now();
  const calls = await (how === "summaries" ? summarize(store) : readAll(store));
  const seconds = (performance.now() - started) / 1_000;
  const addedBytes = process.resourceUsage().maxRSS * 1024 - before;
  await store.close();
  if (calls !== records) throw new Error(`found ${calls} calls instead of ${records}`);
  return { driver: url === undefined ? "SQLite" : "Postgres", entries: records, how, addedBytes, seconds };
}

async function summarize(store: StateStore): Promise<number> {
  const ledger = createLedger(store);
  await ledger.summarize({ tenant: TENANT }, { by: "model", ...YEAR });
  return (await ledger.summarize({ tenant: TENANT }, { by: "day", ...YEAR })).total.calls;
}

async function readAll(store: StateStore): Promise<number> {
  const entries: Entry[] = [];
  for (const user of USERS) {
    for await (const page of pagesOf(store, user)) entries.push(...page);
  }
  return entries.length;
}
