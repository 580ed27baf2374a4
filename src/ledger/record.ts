import { StateError } from "../contract/errors.js";
import type { Identity } from "../contract/store.js";
import { corruptRecord } from "../typed/cell.js";
import { type ExactAmounts, isCost, keysOf } from "./amounts.js";
import type { BudgetCounting } from "./budget-counting.js";
import { type BudgetWarning, warningFrom } from "./budget-warning.js";
import { type EntryOwner, type LedgerCells, ownerOfEntries } from "./cells.js";
import { currencyOf } from "./currency.js";
import { entryOf, type LedgerEntry, type StoredEntry, sumsOf } from "./entry.js";
import { entryId, newTimeKey, timeKeyOfEntry } from "./entry-id.js";
import type { Links } from "./links.js";
import type { IdMarker } from "./markers.js";
import { isSameEntry, mergedEntry } from "./merge.js";
import { NO_USAGE, subtractSums } from "./usage.js";
import type { Work } from "./work.js";
import type { WriteSet } from "./write-set.js";

/** The result of a recording. */
export interface RecordReceipt {
  /** The call was recorded before: this one wrote no entry. */
  readonly duplicate: boolean;
  /** The entry as it was recorded, by this call or an earlier one. */
  readonly entry: LedgerEntry;
  /** The shares and amounts (`warnAt`) that this call was the first to reach. The same call again gets the same. */
  readonly warnings: readonly BudgetWarning[];
}

/** An entry to record. A retry must have the same time only if the caller gave one. */
export interface Recording {
  readonly owner: Identity;
  readonly entry: StoredEntry;
  readonly isTimeGiven: boolean;
}

/** What the recording of a call is made of, beside the call. */
export interface RecordingParts {
  readonly cells: LedgerCells;
  readonly links: Links;
  readonly counting: BudgetCounting;
}

/** Frees the reservation of a call, and returns what it held back. */
export type Freeing = Pick<Work<ExactAmounts | undefined>, "reads" | "apply">;

/**
 * Writes the entry, its time record, the markers of its ids and its rollups in one commit, so the rollups always are the
 * sums of the entries. A reservation is freed in the same commit, also for a duplicate.
 */
export function recordWork(
  { cells, links, counting }: RecordingParts,
  { owner, entry, isTimeGiven }: Recording,
  freeing?: Freeing,
): Work<RecordReceipt> {
  const { ofSession, others } = cells.rollups(owner, entry);
  const rollups = [...ofSession, ...others];
  const markers = cells.markersOf(owner, entry, isTimeGiven);
  const identity = ownerOfEntries(owner);
  const time = newTimeKey(entry);
  const id = entryId(entry, time);
  return {
    reads: [
      ...[...markers, ...rollups].map(({ cell }) => cell),
      ...counting.readsOf(owner),
      ...(freeing?.reads ?? []),
    ],
    writes: 2,
    repeatable: markers.length > 0,
    async apply(writes) {
      const held = await freeing?.apply(writes);
      const charged = held === undefined ? entry : chargedEntry(entry, held);
      const before = await findRecordedId(writes, markers);
      if (before !== undefined) {
        const again = { owner, entry: charged, markers };
        const recorded = await recordDuplicate({ cells, links, counting }, again, before, writes);
        return receiptOf(true, owner, recorded.id, recorded.entry);
      }
      for (const { cell, content } of markers) writes.put(cell, { entry: id, content });
      const sums = sumsOf(charged);
      await writes.add(rollups, sums);
      const warnings = await counting.count(writes, owner, charged, sums);
      const recorded = warnings.length === 0 ? charged : { ...charged, warnings };
      writes.put(cells.entries.at(identity, id), recorded);
      writes.put(cells.times.at(identity, time), id);
      return receiptOf(false, owner, id, recorded);
    },
  };
}

function receiptOf(duplicate: boolean, owner: Identity, id: string, entry: StoredEntry): RecordReceipt {
  const warnings = (entry.warnings ?? []).map(warningFrom);
  return { duplicate, entry: entryOf(owner, id, entry), warnings };
}

/** A call without a price is charged what was reserved for it. */
function chargedEntry(entry: StoredEntry, held: ExactAmounts): StoredEntry {
  const key = keysOf(held).find(isCost);
  const charged = (key && held[key]) ?? 0n;
  if (entry.priced || key === undefined || charged === 0n) return entry;
  const currency = currencyOf(key);
  return { ...entry, charged, ...(currency === undefined ? {} : { currency }) };
}

/** The id of an entry that was recorded before, and whether it is known by the provider's id of the answer. */
interface RecordedBefore {
  readonly entry: string;
  /** The user to whom it has moved. */
  readonly user?: string;
  readonly isAnswer: boolean;
}

/**
 * The entry that was recorded under one of these ids. IDEMPOTENCY_CONFLICT if its content differs, unless it is known by the
 * id of the answer: another component may know other things of it.
 */
export async function findRecordedId(
  writes: WriteSet,
  markers: readonly IdMarker[],
): Promise<RecordedBefore | undefined> {
  for (const { cell, content, what } of markers) {
    const marker = await writes.get(cell);
    if (marker === undefined) continue;
    const isAnswer = what === "response id";
    if (isAnswer || marker.content === undefined || marker.content === content)
      return { ...marker, isAnswer };
    throw new StateError("IDEMPOTENCY_CONFLICT", `another model call was recorded under this ${what}`, {
      details: { change: 0 },
    });
  }
  return undefined;
}

/** A call that was recorded before, as it was sent again. */
interface SentAgain {
  readonly owner: Identity;
  readonly entry: StoredEntry;
  readonly markers: readonly IdMarker[];
}

/**
 * Returns the entry that was recorded before, with what this call knows of the answer beside, and adds markers for further
 * ids of this call. Links lead to these markers, so that `forget` finds them.
 */
async function recordDuplicate(
  parts: RecordingParts,
  again: SentAgain,
  before: RecordedBefore,
  writes: WriteSet,
): Promise<{ readonly id: string; readonly entry: StoredEntry }> {
  const { owner, markers } = again;
  if (before.user !== undefined) return entryMoved(parts.cells, again, before, writes);
  const { id, cell, recorded } = await locateEntry(parts.cells, owner, before.entry, writes);
  // Of a call that was forgotten, nobody can learn or add anything.
  if (recorded.session === undefined) {
    for (const marker of markers)
      if ((await writes.get(marker.cell)) === undefined) writes.put(marker.cell, { entry: id });
    return { id, entry: recorded };
  }
  const merged = before.isAnswer ? await merge(parts, owner, recorded, again.entry, writes) : recorded;
  let added = false;
  for (const marker of markers) {
    if ((await writes.get(marker.cell)) !== undefined) continue;
    writes.put(marker.cell, { entry: id, content: marker.content });
    added = true;
    parts.links.add(writes, owner, { id, session: recorded.session }, marker.id);
  }
  // The entry is written even if it has `also`: a transaction that removes its links must conflict with this one.
  const stored = added ? { ...merged, also: true as const } : merged;
  if (stored !== recorded) writes.put(cell, stored);
  return { id, entry: stored };
}

/** How often the user of an entry may have changed until it is not looked for any more. */
const MAX_MOVES = 8;

/** The entry of a call that was recorded before its user moved: as it is there, or as it was sent if nobody knows it any more. */
async function entryMoved(
  cells: LedgerCells,
  { owner: { tenant }, entry: sent, markers }: SentAgain,
  before: RecordedBefore,
  writes: WriteSet,
): Promise<{ readonly id: string; readonly entry: StoredEntry }> {
  for (let { entry: id, user } = before, moves = 0; user !== undefined && moves < MAX_MOVES; moves++) {
    const identity = ownerOfEntries({ tenant, user });
    const recorded = await writes.get(cells.entries.at(identity, id));
    if (recorded !== undefined) return { id, entry: recorded };
    for (const { id: marked } of markers) user = (await writes.get(cells.markers.at(identity, marked)))?.user;
  }
  return { id: before.entry, entry: sent };
}

/** Adds what a call knows of an answer to its entry, and what that changes to the sums. IDEMPOTENCY_CONFLICT. */
async function merge(
  { cells, counting }: RecordingParts,
  owner: Identity,
  recorded: StoredEntry,
  again: StoredEntry,
  writes: WriteSet,
): Promise<StoredEntry> {
  const merged = mergedEntry(recorded, again);
  if (isSameEntry(recorded, merged)) return recorded;
  const [before, after] = [sumsOf(recorded), sumsOf(merged)];
  const rollupsOf = (entry: StoredEntry) => Object.values(cells.rollups(owner, entry)).flat();
  await writes.subtract(rollupsOf(recorded), before);
  await writes.add(rollupsOf(merged), after);
  const nothing = subtractSums(NO_USAGE, before);
  const warnings = [
    ...(await counting.count(writes, owner, recorded, nothing)),
    ...(await counting.count(writes, owner, merged, after)),
  ];
  return warnings.length === 0 ? merged : { ...merged, warnings: [...(merged.warnings ?? []), ...warnings] };
}

/** A marker may name an old or a future id of an entry that is being moved. The time record has the current id. */
export async function locateEntry(cells: LedgerCells, owner: EntryOwner, id: string, writes: WriteSet) {
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
