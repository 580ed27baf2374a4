import type { ChangeFeed, Slot } from "../contract/driver.js";
import type { EventId, StateRecord } from "../contract/store.js";

/** Where the watches of a store read. Each function rejects with a StateError. */
export interface WatchSource {
  /** The current record of the slot, the caller's own copy. */
  readonly read: (slot: Slot) => Promise<StateRecord | undefined>;
  /** The current event of each slot, in order. */
  readonly readEventIds: (slots: readonly Slot[]) => Promise<readonly (EventId | undefined)[]>;
  /** Whether a question may be about slots of one tenant only. */
  readonly oneTenant: boolean;
  /** As in the contract of drivers; `undefined` if the driver has none. */
  readonly changeCounter: (() => Promise<string | number>) | undefined;
  readonly changes: ChangeFeed | undefined;
}
