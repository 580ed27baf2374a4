import { AsyncLocalStorage } from "node:async_hooks";
import { monotonicFactory } from "ulid";
import type { Driver, DriverFactory } from "../contract/driver.js";
import type { EventId, StateStore } from "../contract/store.js";
import { bulkRandom } from "./bulk-random.js";
import { countedIds } from "./counted-ids.js";

/** The state that all copies of the package in one process share. */
interface ProcessState {
  /** Objects made by `maintenanceScope`. */
  readonly scopes: WeakSet<object>;
  /** Objects marked by `trust`: identities with reserved names, and keys of damaged records, which may be invalid. */
  readonly identities: WeakSet<object>;
  readonly drivers: Map<string, DriverFactory>;
  readonly context: AsyncLocalStorage<StateStore>;
  /** `time` is in milliseconds since 1970. */
  readonly nextEventId: (time: number) => EventId;
  /** The driver of a store, without its layers. */
  readonly bareDrivers: WeakMap<StateStore, Driver>;
  /** SQLite files that are open, by path and by device and inode. */
  readonly sqliteFiles: Map<string, { readonly library: string; uses: number }>;
}

const KEY = Symbol.for("groundstate.v1");
const holder = globalThis as { [KEY]?: ProcessState };

const fresh: ProcessState = {
  scopes: new WeakSet(),
  identities: new WeakSet(),
  drivers: new Map(),
  context: new AsyncLocalStorage(),
  nextEventId: countedIds(monotonicFactory(bulkRandom())),
  bareDrivers: new WeakMap(),
  sqliteFiles: new Map(),
};

// A copy of an older version, which shared less, may have been loaded first.
export const processState: ProcessState = Object.assign(holder[KEY] ?? {}, { ...fresh, ...holder[KEY] });
holder[KEY] = processState;
