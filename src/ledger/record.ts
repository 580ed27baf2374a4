import { StateError } from "../contract/errors.js";
import type { Identity } from "../contract/store.js";
import { corruptRecord } from "../typed/cell.js";
import { type LedgerCells, ownerOfEntries } from "./cells.js";
import type { Work } from "./combiner.js";
import { entryOf, type LedgerEntry, type StoredEntry, sumsOf } from "./entry.js";
import { entryId, newTimeKey, timeKeyOfEntry } from "./entry-id.js";
import type { Links } from "./links.js";
import type { IdMarker } from "./markers.js";
import type { WriteSet } from "./write-set.js";

/** What became of a recording. */
export interface RecordReceipt {
  /** It had been recorded before: nothing was written now. */
  readonly duplicate: boolean;
  /** As it was recorded, then or now. */
  readonly entry: LedgerEntry;
}

/** What is recorded, and what a retry has to have in common with it. */
export interface Recording {
  readonly owner: Identity;
  readonly entry: StoredEntry;
  readonly isTimeGiven: boolean;
}

/**
 * The entry, its place in time, the markers of its ids and everything it adds to, in one commit: so the rollups are the
 * sums of the entries at any moment. `also` happens with it, and with a duplicate too.
 */
export function recordWork(
  cells: LedgerCells,
  links: Links,
  { owner, entry, isTimeGiven }: Recording,
  also?: Pick<Work<unknown>, "reads" | "apply">,
): Work<RecordReceipt> {
  const { ofSession, others } = cells.rollups(owner, entry);
  const rollups = [...ofSession, ...others];
  const markers = cells.markersOf(owner, entry, isTimeGiven);
  const identity = ownerOfEntries(owner);
  const time = newTimeKey(entry);
  const id = entryId(entry, time);
  return {
    reads: [...[...markers, ...rollups].map(({ cell }) => cell), ...(also?.reads ?? [])],
    writes: 2,
    repeatable: markers.length > 0,
    async apply(writes) {
      await also?.apply(writes);
      const before = await findRecordedId(writes, markers);
      if (before !== undefined)
        return {
          duplicate: true,
          entry: await recordDuplicate(cells, links, owner, before, markers, writes),
        };
      for (const { cell, content } of markers) writes.put(cell, { entry: id, content });
      await writes.add(rollups, sumsOf(entry));
      writes.put(cells.entries.at(identity, id), entry);
      writes.put(cells.times.at(identity, time), id);
      return { duplicate: false, entry: entryOf(owner, id, entry) };
    },
  };
}

/** The id of the entry that was recorded under one of these ids. IDEMPOTENCY_CONFLICT when its content is another. */
async function findRecordedId(writes: WriteSet, markers: readonly IdMarker[]): Promise<string | undefined> {
  for (const { cell, content, what } of markers) {
    const marker = await writes.get(cell);
    if (marker === undefined) continue;
    if (marker.content === undefined || marker.content === content) return marker.entry;
    throw new StateError("IDEMPOTENCY_CONFLICT", `another model call was recorded under this ${what}`, {
      details: { change: 0 },
    });
  }
  return undefined;
}

/**
 * The entry that was recorded before. From now on it is known under the ids of this call as well, which links keep, so
 * that `forget` finds their markers.
 */
async function recordDuplicate(
  cells: LedgerCells,
  links: Links,
  owner: Identity,
  recordedAs: string,
  markers: readonly IdMarker[],
  writes: WriteSet,
): Promise<LedgerEntry> {
  const { id, cell, recorded } = await locateEntry(cells, owner, recordedAs, writes);
  let added = false;
  for (const marker of markers) {
    if ((await writes.get(marker.cell)) !== undefined) continue;
    writes.put(
      marker.cell,
      recorded.session === undefined ? { entry: id } : { entry: id, content: marker.content },
    );
    if (recorded.session === undefined) continue;
    added = true;
    links.add(writes, owner, { id, session: recorded.session }, marker.id);
  }
  // Also where it says so already: whoever takes the links away learns that there is one more.
  if (added) writes.put(cell, { ...recorded, also: true });
  return entryOf(owner, id, recorded);
}

/** A marker may lead to where its entry was, or is going to be; the entry's time leads to where it is. */
async function locateEntry(cells: LedgerCells, owner: Identity, id: string, writes: WriteSet) {
  const identity = ownerOfEntries(owner);
  const cell = cells.entries.at(identity, id);
  const recorded = await writes.get(cell);
  if (recorded !== undefined) return { id, cell, recorded };
  const now = await writes.get(cells.times.at(identity, timeKeyOfEntry(id)));
  const moved = now === undefined ? undefined : await writes.get(cells.entries.at(identity, now));
  if (now === undefined || moved === undefined)
    throw corruptRecord(cell, "an entry that was recorded is missing");
  return { id: now, cell: cells.entries.at(identity, now), recorded: moved };
}
