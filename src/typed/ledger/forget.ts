import type { Identity } from "../../contract.js";
import type { Work } from "./combiner.js";
import { type StoredEntry, sumsOf } from "./entry.js";
import { entryId, timeOfEntry } from "./entry-id.js";
import { ownerOfEntries, type Places } from "./places.js";

/**
 * Takes out of one entry what names its session: the session, the run, the turn, the provider's id of the answer, the
 * caller's own and the reservation. What it cost stays, under no session. Whether it was still there.
 */
export function forgetWork(places: Places, owner: Identity, id: string, entry: StoredEntry): Work<boolean> {
  const under = ownerOfEntries(owner);
  const { session: _, run, turn, responseId, eventId, reservation, alsoUnder = [], ...kept } = entry;
  const cell = places.entries.at(under, id);
  const time = timeOfEntry(id);
  const place = places.times.at(under, time);
  const moved = entryId(kept, time);
  const named = places.lines(owner, entry).ofSession;
  const nameless = places.lines(owner, kept).ofSession;
  // Only where they lie matters.
  const markers = places.markersOf(owner, entry, true).map((marker) => marker.cell);
  return {
    reads: [cell, ...markers, ...[...named, ...nameless].map((line) => line.cell)],
    writes: 2 + alsoUnder.length,
    repeatable: true,
    async act(book) {
      const current = await book.get(cell);
      if (current === undefined) return false;
      const others = (current.alsoUnder ?? []).map((hash) => places.markers.at(under, hash));
      await book.subtract(named, sumsOf(entry));
      await book.add(nameless, sumsOf(entry));
      book.remove(cell);
      book.put(places.entries.at(under, moved), kept);
      book.put(place, moved);
      for (const marker of [...markers, ...others]) book.put(marker, { entry: moved });
      return true;
    },
  };
}
