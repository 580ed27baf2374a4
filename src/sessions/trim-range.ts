import type { SessionIdentity, StateStore } from "../contract/store.js";
import { findCell } from "../typed/cell-operations.js";
import type { Journal } from "../typed/journal.js";
import { isRemoved } from "../typed/journal-entry.js";
import { readTrim, type TrimRange } from "../typed/journal-trim.js";
import { editLogCell } from "./edit-log.js";

interface Trimming {
  readonly range: TrimRange | number;
  readonly signal: AbortSignal | undefined;
}

/** How many records are looked at in one question. */
const PAGE = 1000;

/**
 * Where events were taken back, the last `keep` events are not the last numbers: then the range says up to which number.
 * INVALID_RECORD.
 */
export async function upToOf(
  store: StateStore,
  { places }: Journal<unknown, never>,
  owner: SessionIdentity,
  { range: given, signal }: Trimming,
): Promise<TrimRange | number> {
  const range = readTrim(given);
  if (typeof range !== "number" || range === 0) return range;
  if ((await findCell(store, editLogCell(owner), { signal })) === undefined) return range;
  let left = range;
  for (let before: string | undefined; ; ) {
    const page = { reverse: true, limit: PAGE, before, signal, bytes: false } as const;
    const records = await store.list(owner, places.prefix, page);
    for (const record of records) {
      if (!isRemoved(record) && left-- === 0) return { upTo: places.numberOf(record) };
    }
    // There are no more than are to be kept.
    if (records.length < PAGE) return Number.MAX_SAFE_INTEGER;
    before = records.at(-1)?.kind;
  }
}
