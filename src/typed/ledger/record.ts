import type { Identity } from "../../contract.js";
import { StateError } from "../../errors.js";
import type { Cell } from "../cell.js";
import { corruptRecord } from "../cell.js";
import { digestOf } from "../names.js";
import type { Book } from "./book.js";
import type { Work } from "./combiner.js";
import { entryOf, type LedgerEntry, type StoredEntry, sumsOf } from "./entry.js";
import { formatMoney } from "./money.js";
import { entryId, type Marker, newTime, ownerOfEntries, type Places } from "./places.js";

export interface RecordReceipt {
  /** It had been recorded before: nothing was written now. */
  readonly duplicate: boolean;
  /** As it was recorded, then or now. */
  readonly entry: LedgerEntry;
}

/** What is recorded, and how a retry is told. */
export interface Recording {
  readonly owner: Identity;
  readonly entry: StoredEntry;
  /** A digest of the content that a retry has to have in common with it. */
  readonly content: string;
}

/** All but the caller's own id, and the time where it was made up. */
export function recordingOf(owner: Identity, entry: StoredEntry, isTimeGiven: boolean): Recording {
  const { eventId: _, at, cost, ...content } = entry;
  const text = JSON.stringify([content, formatMoney(cost), isTimeGiven ? at : null]);
  return { owner, entry, content: digestOf(text) };
}

/**
 * The entry, its place in time, the markers of its ids and everything it adds to, in one commit: so the rollups are the
 * sums of the entries at any moment. `also` is what else happens when it is recorded, and only then.
 */
export function recordWork(
  places: Places,
  { owner, entry, content }: Recording,
  markers: readonly Cell<Marker>[],
  also?: Pick<Work<unknown>, "reads" | "act">,
): Work<RecordReceipt> {
  const { ofSession, ofAll } = places.lines(owner, entry);
  const lines = [...ofSession, ...ofAll];
  const under = ownerOfEntries(owner);
  const time = newTime(entry);
  const id = entryId(entry, time);
  return {
    reads: [...markers, ...lines.map(({ cell }) => cell), ...(also?.reads ?? [])],
    writes: 2,
    repeatable: markers.length > 0,
    async act(book) {
      const { transaction } = book;
      const before = await recordedBefore(book, markers, content);
      if (before !== undefined) {
        const cell = places.entries.at(under, before);
        const recorded = await transaction.get(cell);
        if (recorded === undefined) throw corruptRecord(cell, "an entry that was recorded is missing");
        return { duplicate: true, entry: entryOf(owner, recorded) };
      }
      await book.add(lines, sumsOf(entry));
      await also?.act(book);
      await transaction.set(places.entries.at(under, id), entry);
      await transaction.set(places.times.at(under, time), id);
      for (const marker of markers) await transaction.set(marker, { entry: id, content });
      return { duplicate: false, entry: entryOf(owner, entry) };
    },
  };
}

/** The id of the entry that was recorded under one of these ids. IDEMPOTENCY_CONFLICT when its content is another. */
async function recordedBefore(
  { transaction }: Book,
  markers: readonly Cell<Marker>[],
  content: string,
): Promise<string | undefined> {
  for (const cell of markers) {
    const marker = await transaction.get(cell);
    if (marker === undefined) continue;
    if (marker.content === undefined || marker.content === content) return marker.entry;
    throw new StateError(
      "IDEMPOTENCY_CONFLICT",
      "another model call was recorded under this event id, response id or reservation",
      { details: { change: 0 } },
    );
  }
  return undefined;
}
