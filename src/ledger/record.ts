import { StateError } from "../contract/errors.js";
import type { Identity } from "../contract/store.js";
import { corruptRecord } from "../typed/cell.js";
import { type LedgerCells, ownerOfEntries } from "./cells.js";
import { entryOf, type LedgerEntry, type StoredEntry, sumsOf } from "./entry.js";
import { entryId, newTimeKey, timeKeyOfEntry } from "./entry-id.js";
import type { Links } from "./links.js";
import type { IdMarker } from "./markers.js";
import type { Work } from "./work.js";
import type { WriteSet } from "./write-set.js";

/** The result of a recording. */
export interface RecordReceipt {
  /** The call was recorded before: this one wrote no entry. */
  readonly duplicate: boolean;
  /** The entry as it was recorded, by this call or an earlier one. */
  readonly entry: LedgerEntry;
}

/** An entry to record. A retry must have the same time only if the caller gave one. */
export interface Recording {
  readonly owner: Identity;
  readonly entry: StoredEntry;
  readonly isTimeGiven: boolean;
}

/**
 * Writes the entry, its time record, the markers of its ids and its rollups in one commit, so the rollups always are the
 * sums of the entries. `also` is applied in the same commit, also for a duplicate.
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

/** The id of the entry that was recorded under one of these ids. IDEMPOTENCY_CONFLICT if its content differs. */
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
 * Returns the entry that was recorded before, and adds markers for further ids of this call. Links lead to these markers,
 * so that `forget` finds them.
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
  // The entry is written even if it has `also`: a transaction that removes its links must conflict with this one.
  if (added) writes.put(cell, { ...recorded, also: true });
  return entryOf(owner, id, recorded);
}

/** A marker may name an old or a future id of an entry that is being moved. The time record has the current id. */
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
