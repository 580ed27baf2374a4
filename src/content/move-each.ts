import type { CallOptions, Identity, RecordHeader, StateStore } from "../contract/store.js";
import { DamageLog } from "../typed/damage.js";
import { mapInSlices } from "../typed/slices.js";
import { headersUnder } from "./paging.js";

/** A page is moved at once. */
const PAGE = 50;

/**
 * Moves what stands under a prefix, each by a commit of its own. `move` says whether it moved. Damaged records are passed over,
 * and the first damage is thrown in the end. Returns how many moved. CORRUPT.
 */
export async function moveEach(
  store: StateStore,
  { source, prefix }: { readonly source: Identity; readonly prefix: string },
  move: (header: RecordHeader) => Promise<boolean>,
  options: CallOptions,
): Promise<number> {
  const damage = new DamageLog();
  let moved = 0;
  for await (const page of headersUnder(store, source, prefix, options, PAGE)) {
    const done = await mapInSlices(page, (header) => damage.skipIfDamaged(move(header)));
    moved += done.filter(Boolean).length;
  }
  damage.throwFirst();
  return moved;
}
