import type { CallOptions, Identity, StateStore } from "../contract/store.js";
import { exportEach } from "../typed/exporting/export-each.js";
import type { Clock } from "../typed/time.js";
import { MEMORIES, memoryAt, seenMemory } from "./stored-memory.js";

/** The memories of a user that are not past their time, without their vectors. */
export function exportMemories(
  store: StateStore,
  owner: Identity,
  now: Clock,
  options: CallOptions,
): AsyncGenerator<string> {
  return exportEach(store, { owner, prefix: MEMORIES, itemsOf }, options);

  async function* itemsOf({ kind }: { readonly kind: string }): AsyncGenerator<object> {
    const record = await store.find(owner, kind, options);
    const seen = record && (await seenMemory(record));
    const memory = seen && memoryAt(seen, now());
    if (memory !== undefined) yield memory;
  }
}
