import type { Slot } from "../contract/driver.js";
import type { RecordKey, StateStore, Watch, WatchOptions } from "../contract/store.js";
import { identityOf } from "../identity/identity.js";
import { readWatchedSlots, readWatchOptions } from "../validation/validate-watch.js";
import { Watches } from "./watches.js";

const watchesOf = new WeakMap<object, Watches>();

/**
 * `watch` for a store that is made of something else than a driver: calls its `find` for each watched slot every `pollMs`.
 * Sees its own changes at the next poll too. INVALID_RECORD, IDENTITY_REQUIRED.
 *
 * @example
 * ```ts
 * import { type StateStore, watchByReading } from "groundstate";
 *
 * const watch: StateStore["watch"] = (places, options) => watchByReading(store, places, options);
 * for await (const { record } of watch([{ identity, kind: "note" }], { signal })) console.log(record?.version);
 * ```
 */
export function watchByReading(
  store: Pick<StateStore, "find">,
  places: readonly RecordKey[],
  options?: WatchOptions,
): Watch {
  const settings = readWatchOptions(options);
  const slots = readWatchedSlots(places);
  const known = watchesOf.get(store) ?? watchesThrough(store);
  watchesOf.set(store, known);
  return known.open(slots, settings);
}

/** `watch` of any store: a test double may have none. */
export function watchSlots(store: StateStore, places: readonly RecordKey[], options?: WatchOptions): Watch {
  return typeof store.watch === "function"
    ? store.watch(places, options)
    : watchByReading(store, places, options);
}

function watchesThrough(store: Pick<StateStore, "find">): Watches {
  const read = (slot: Slot) => store.find(identityOf(slot), slot.kind);
  return new Watches({
    read,
    readEventIds: (slots) => Promise.all(slots.map(async (slot) => (await read(slot))?.eventId)),
    oneTenant: false,
    changeCounter: undefined,
    changes: undefined,
  });
}
