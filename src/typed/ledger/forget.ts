import type { Identity } from "../../contract.js";
import type { Work } from "./combiner.js";
import { type StoredEntry, sumsOf } from "./entry.js";
import { entryId, ownerOfEntries, type Places, timeOfEntry } from "./places.js";

/**
 * Takes out of one entry what names its session: the session, the run, the turn, the provider's id of the answer and the
 * caller's own. What it cost stays, under no session. Whether it was still there.
 */
export function forgetWork(places: Places, owner: Identity, id: string, entry: StoredEntry): Work<boolean> {
  const under = ownerOfEntries(owner);
  const { session: _, run, turn, responseId, eventId, ...kept } = entry;
  const cell = places.entries.at(under, id);
  const time = timeOfEntry(id);
  const place = places.times.at(under, time);
  const moved = entryId(kept, time);
  const named = places.lines(owner, entry).ofSession;
  const nameless = places.lines(owner, kept).ofSession;
  const markers = places.markersOf(owner, entry);
  return {
    reads: [cell, ...markers, ...named.map(({ cell }) => cell), ...nameless.map(({ cell }) => cell)],
    writes: 2,
    repeatable: true,
    async act(book) {
      const { transaction } = book;
      if ((await transaction.get(cell)) === undefined) return false;
      await book.subtract(named, sumsOf(entry));
      await book.add(nameless, sumsOf(entry));
      transaction.delete(cell);
      await transaction.set(places.entries.at(under, moved), kept);
      await transaction.set(place, moved);
      for (const marker of markers) await transaction.set(marker, { entry: moved });
      return true;
    },
  };
}
