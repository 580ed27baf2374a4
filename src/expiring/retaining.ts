import type { MaintenanceScope, RecordHeader, StateStore } from "../contract/store.js";
import { DamageLog } from "../typed/damage.js";
import { retainPages } from "../typed/retaining/retain-pages.js";
import type { Retained, RetainOptions } from "../typed/retaining/retained-data.js";
import { removeDue } from "./remove-due.js";
import { DUE } from "./stored-value.js";

/**
 * Removes values that are past their time, whatever the policy says: they are there for nobody. Those of pinned sessions go
 * too.
 */
export function retainExpiring(
  store: StateStore,
  scope: MaintenanceScope,
  until: number,
  options: RetainOptions,
): Promise<Retained> {
  const { dryRun, signal } = options;
  const walk = { prefixes: [DUE], before: until + 1, bytes: false } as const;
  return retainPages(store, scope, walk, options, async (entry: RecordHeader) => {
    if (dryRun) return "record";
    const damage = new DamageLog();
    const removed = await removeDue(store, [entry], damage, signal);
    damage.throwFirst();
    return removed > 0 ? "record" : undefined;
  });
}
