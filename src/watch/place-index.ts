import type { ChangeFeed, Commit } from "../contract/driver.js";
import { slotOf } from "../rules/decide.js";
import { sessionKey, slotKey } from "../rules/slot-key.js";
import type { WatchedPlace } from "./watched-place.js";

/** The places of one slot. A slot that several watches share is asked about once. */
export type PlacesOfSlot = Set<WatchedPlace>;

/** The places of all watches of a store: by slot, by session, and by the groups of the driver's change feed. */
export class PlaceIndex {
  readonly #feed: ChangeFeed | undefined;
  readonly #bySlot = new Map<string, PlacesOfSlot>();
  readonly #bySession = new Map<string, Set<WatchedPlace>>();
  readonly #byGroup = new Map<string, Set<WatchedPlace>>();

  constructor(feed: ChangeFeed | undefined) {
    this.#feed = feed;
  }

  add(place: WatchedPlace): void {
    addTo(this.#bySlot, place.key, place);
    addTo(this.#bySession, sessionKey(place.slot), place);
    if (this.#feed !== undefined) addTo(this.#byGroup, this.#feed.groupOf(place.slot), place);
  }

  remove(place: WatchedPlace): void {
    removeFrom(this.#bySlot, place.key, place);
    removeFrom(this.#bySession, sessionKey(place.slot), place);
    if (this.#feed !== undefined) removeFrom(this.#byGroup, this.#feed.groupOf(place.slot), place);
  }

  /** The places whose slots the commit writes. */
  *writtenBy(commit: Commit): Generator<WatchedPlace> {
    for (const write of commit.writes) {
      const slot = slotOf(write);
      if (write.op === "erase") yield* this.#bySession.get(sessionKey(slot)) ?? [];
      else if (write.op !== "check") yield* this.#bySlot.get(slotKey(slot)) ?? [];
    }
  }

  /** The places of these groups; all of them if there are no groups. */
  *inGroups(groups: readonly string[] | undefined): Generator<WatchedPlace> {
    if (groups === undefined) for (const places of this.#bySlot.values()) yield* places;
    else for (const group of groups) yield* this.#byGroup.get(group) ?? [];
  }

  /** All places of the place's slot. */
  sharing({ key }: WatchedPlace): Iterable<WatchedPlace> {
    return this.#bySlot.get(key) ?? [];
  }
}

function addTo(index: Map<string, Set<WatchedPlace>>, key: string, place: WatchedPlace): void {
  const places = index.get(key);
  if (places === undefined) index.set(key, new Set([place]));
  else places.add(place);
}

function removeFrom(index: Map<string, Set<WatchedPlace>>, key: string, place: WatchedPlace): void {
  const places = index.get(key);
  places?.delete(place);
  if (places?.size === 0) index.delete(key);
}
