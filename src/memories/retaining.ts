import type { MaintenanceScope, RecordHeader, StateStore } from "../contract/store.js";
import { retainPages } from "../typed/retaining/retain-pages.js";
import type { Retained, RetainOptions } from "../typed/retaining/retained-data.js";
import { transact } from "../typed/transact.js";
import { memoryCell, NEWEST, readPosition } from "./stored-memory.js";
import { deleteMemory, readMemory } from "./write-memory.js";

/** Removes memories that were added, and updated last, before the time for records. They have no payload apart. */
export async function retainMemories(
  store: StateStore,
  scope: MaintenanceScope,
  options: RetainOptions,
): Promise<Retained> {
  const { dryRun, signal, before } = options;
  const { records: latest } = before;
  if (latest === undefined) return { payloads: 0, records: 0, kept: 0 };
  const walk = { prefixes: [NEWEST], before: latest, bytes: false } as const;
  return retainPages(store, scope, walk, options, async ({ identity, kind }: RecordHeader) => {
    const place = { owner: identity, id: readPosition(kind.slice(NEWEST.length), "kind").id };
    return transact(
      store,
      async (transaction) => {
        const memory = await readMemory(transaction, memoryCell(place));
        if (memory === undefined || memory.updatedAt.getTime() >= latest) return undefined;
        if (!dryRun) await deleteMemory(transaction, place, memory);
        return "record" as const;
      },
      { signal },
    );
  });
}
