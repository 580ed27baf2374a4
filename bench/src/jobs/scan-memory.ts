import { maintenanceScope, scanKind } from "../../../dist/src/index.js";
import { grownSlot, PREFIX } from "../grown.js";
import { openGrown } from "../grown-store.js";
import type { ScanMemory } from "../results.js";
import type { Filled } from "../section.js";

/** How much more memory the process had at its peak, while scanning everything, than before. */
export async function run(filled: Filled): Promise<ScanMemory> {
  const store = await openGrown(filled);
  const reason = "measure the memory of a scan";
  // Whatever is loaded or made once is there afterwards.
  await store.listKind(maintenanceScope({ reason, tenant: grownSlot(0).tenant }), PREFIX.all);
  const before = process.memoryUsage.rss();
  const started = performance.now();
  let records = 0;
  for await (const _ of scanKind(store, maintenanceScope({ reason, allTenants: true }), PREFIX.all))
    records++;
  const seconds = (performance.now() - started) / 1_000;
  const addedBytes = process.resourceUsage().maxRSS * 1024 - before;
  await store.close();
  if (records !== filled.records) throw new Error(`found ${records} records instead of ${filled.records}`);
  return { driver: filled.url === undefined ? "SQLite" : "Postgres", records, addedBytes, seconds };
}
