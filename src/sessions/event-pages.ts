import { nextSize } from "../content/paging.js";
import type { SessionIdentity, StateStore } from "../contract/store.js";
import { NO_CONTENT } from "../typed/journal-entry.js";
import type { JournalPlaces } from "../typed/journal-places.js";
import { type FoundEntry, readStored } from "../typed/journal-read.js";
import type { CopiedEntry } from "./event-copy.js";

/** Which events to read: those after a number, up to another. */
export interface EventRange {
  readonly owner: SessionIdentity;
  readonly after: number;
  readonly upTo: number;
  readonly signal: AbortSignal | undefined;
}

/** Events may be large, so the first page has few. */
const FIRST_EVENTS = 4;

/** The events as they are stored, in pages of some mebibytes. What is damaged is among them. */
export async function* eventPages(
  store: StateStore,
  places: JournalPlaces,
  { owner, after, upTo, signal }: EventRange,
): AsyncGenerator<FoundEntry[], void, undefined> {
  let size = FIRST_EVENTS;
  for (let from = after + 1; from <= upTo; ) {
    const read = { owner, from, limit: size, signal, marksDamage: true };
    const page = await readStored(store, places, read);
    yield page.filter((entry) => lowestOf(entry) <= upTo);
    const last = page.at(-1);
    if (last === undefined || page.length < size) return;
    from = last.number + 1;
    // Large events are read by who needs them, one after the other.
    size = nextSize(
      size,
      page.map((entry) => (entry.is === "value" ? entry : NO_CONTENT)),
    );
  }
}

/** An event with the numbers before it that were taken back. One that is damaged has no copy: its number stays missing. */
export function copiesAfter(last: number, entry: FoundEntry): CopiedEntry[] {
  const lowest = lowestOf(entry);
  const removed = lowest > last + 1 ? [{ is: "removed", from: last + 1, number: lowest - 1 } as const] : [];
  return entry.is === "damaged" ? removed : [...removed, entry];
}

function lowestOf(entry: FoundEntry): number {
  return entry.is === "damaged" ? entry.from : entry.number;
}
