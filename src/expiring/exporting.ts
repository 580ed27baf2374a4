import type { CallOptions, Identity, StateStore } from "../contract/store.js";
import { exportEach } from "../typed/exporting/export-each.js";
import type { Clock } from "../typed/time.js";
import { seenValue, VALUES, valueAt } from "./stored-value.js";

/** The values of a user or session that are not past their time, each with its group. */
export function exportValues(
  store: StateStore,
  owner: Identity,
  now: Clock,
  options: CallOptions,
): AsyncGenerator<string> {
  return exportEach(store, { owner, prefix: VALUES, itemsOf }, options);

  async function* itemsOf({ kind }: { readonly kind: string }): AsyncGenerator<object> {
    const record = await store.find(owner, kind, options);
    const seen = record && (await seenValue(record));
    const value = seen && valueAt(seen, now());
    if (value !== undefined) yield { group: seen?.stored.group, ...value };
  }
}
