import type { RecordHeader, StateStore } from "../contract/store.js";
import { corruptRecord } from "../typed/cell.js";
import type { DamageLog } from "../typed/damage.js";
import { timeKey } from "../typed/time.js";
import { transact } from "../typed/transact.js";
import { unlessCorrupt } from "../typed/unless-corrupt.js";
import { DUE, dueCell, type MemoryPlace, memoryCell, readPosition } from "./stored-memory.js";
import { deleteMemory, readMemory } from "./write-memory.js";

type Signal = AbortSignal | undefined;

const AT_ONCE = 16;

/** Removes the memories of these entries that still end when the entry says so. Returns how many. */
export async function removeDue(
  store: StateStore,
  entries: readonly RecordHeader[],
  damage: DamageLog,
  signal: Signal,
): Promise<number> {
  let removed = 0;
  for (let start = 0; start < entries.length; start += AT_ONCE) {
    const some = entries.slice(start, start + AT_ONCE);
    const done = await Promise.all(
      some.map((entry) => damage.skipIfDamaged(removeOne(store, entry, signal))),
    );
    removed += done.filter(Boolean).length;
  }
  return removed;
}

async function removeOne(store: StateStore, header: RecordHeader, signal: Signal): Promise<boolean> {
  const { place, time } = dueMemory(header);
  return transact(
    store,
    async (transaction) => {
      const entry = dueCell(place, new Date(time));
      if ((await transaction.getRecord(entry)) === undefined) return false;
      const memory = await unlessCorrupt(() => readMemory(transaction, memoryCell(place)));
      transaction.delete(entry);
      const isItsOwn = typeof memory === "object" && memory.expiresAt?.getTime() === time;
      if (isItsOwn) await deleteMemory(transaction, place, memory);
      return isItsOwn;
    },
    { signal },
  );
}

/** Which memory an entry names, and when that ends. CORRUPT. */
function dueMemory(header: RecordHeader): { readonly place: MemoryPlace; readonly time: number } {
  try {
    const { time, id } = readPosition(header.kind.slice(DUE.length), "kind");
    const at = Date.parse(time);
    if (timeKey(at) === time) return { place: { owner: header.identity, id }, time: at };
  } catch {
    // It says nothing that could be read.
  }
  throw corruptRecord(header, "it is no entry of the memories that end");
}
