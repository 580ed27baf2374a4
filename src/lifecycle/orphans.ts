import { LIMITS } from "../contract/limits.js";
import type { Identity, MaintenanceScope } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import type { DamageLog } from "../typed/damage.js";
import { chunks, FILTERED_PAGE_SIZE } from "./chunks.js";
import type { Entry, EntryPage } from "./pointer.js";
import type { LifecycleRecords } from "./records.js";
import type { LifecycleState } from "./stored.js";

type Signal = AbortSignal | undefined;

/** Removes the entries of the indexes beside the lists whose records are gone. */
export async function sweepOrphans<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  scope: MaintenanceScope,
  damage: DamageLog,
  signal: Signal,
): Promise<void> {
  const { due, locations } = records;
  const scans = [due?.scan(scope, LIMITS.latest, damage, signal), locations?.scan(scope, damage, signal)];
  for (const scan of scans)
    for await (const chunk of scan === undefined ? [] : chunks<Entry>(scan, signal))
      await Promise.all(chunk.map((entry) => damage.skipIfDamaged(records.dropOrphan(entry, signal))));
}

/** The same for the entries of a user. */
export async function dropOrphansOf<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  { tenant, user }: Pick<Identity, "tenant" | "user">,
  damage: DamageLog,
  signal: Signal,
): Promise<void> {
  const { due, locations } = records;
  const limit = FILTERED_PAGE_SIZE;
  const dueRange = { until: LIMITS.latest, limit, group: undefined, damage };
  const indexes: (((after: string | undefined) => Promise<EntryPage<Entry>>) | undefined)[] = [
    due && ((after) => due.oldest(tenant, { ...dueRange, after }, signal)),
    locations && ((after) => locations.page(tenantIdentity(tenant), { after, limit, signal }, damage)),
  ];
  for (const pageAfter of indexes) {
    for (let after: string | undefined; pageAfter !== undefined; ) {
      const { entries, next } = await pageAfter(after);
      for (const entry of entries)
        if (entry.key.identity.user === user) await damage.skipIfDamaged(records.dropOrphan(entry, signal));
      if (next === undefined) break;
      after = next;
    }
  }
}
