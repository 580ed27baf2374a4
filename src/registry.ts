import type { StateStore } from "./contract.js";
import type { Driver } from "./driver.js";
import { createStore, type StoreOptions, validateStoreOptions } from "./driver-store.js";
import { invalid, StateError } from "./errors.js";
import { processState } from "./process-state.js";
import { readObject, readOptions } from "./validate.js";

/**
 * The configuration of each driver, by its name. Open to declaration merging:
 *
 * ```ts
 * declare module "groundstate" {
 *   interface DriverConfigs { lmdb: { path: string } }
 * }
 * ```
 */
// biome-ignore lint/suspicious/noEmptyInterface: drivers fill it in
export interface DriverConfigs {}

/**
 * Opens a driver, or a whole store, from its configuration; a driver is wrapped with the options of the store, a
 * store is expected to heed those it has a use for.
 */
export type DriverFactory<C = never> = (config: C) => Promise<Driver | StateStore>;

/** The driver of a configuration that names none. */
export const DEFAULT_DRIVER = "memory";

/** What `openStore` takes: a driver's name, its configuration, and the options of the store. */
export type StoreConfig =
  | {
      [D in keyof DriverConfigs]: { readonly driver: D } & DriverConfigs[D] & StoreOptions;
    }[keyof DriverConfigs]
  | (StoreOptions & { readonly driver?: never });

/** Schemes that mean a driver of another name. */
const ALIASES: Readonly<Record<string, string>> = { postgresql: "postgres" };

/** A scheme, a colon, and what is the driver's own business. */
const URL_FORM = /^([a-z][a-z0-9+.-]*):/i;

/** Makes a driver known by name. TypeError when the name is empty or taken, or `factory` is no function. */
export function registerDriver<C>(name: string, factory: DriverFactory<C>): void {
  if (typeof name !== "string" || name === "") throw new TypeError("a driver needs a name");
  if (typeof factory !== "function") throw new TypeError(`driver ${name} needs a factory function`);
  if (processState.drivers.has(name)) throw new TypeError(`driver ${name} is registered already`);
  processState.drivers.set(name, factory as DriverFactory);
}

export function registeredDrivers(): string[] {
  return [...processState.drivers.keys()].sort();
}

/**
 * Opens a store.
 *
 * From a URL, the scheme being the driver's name: `memory:`, `sqlite:./state.db` (everything after the colon is a
 * path), `postgres://...`. From a configuration: `{ driver: "sqlite", path: "./state.db" }`; one that names no
 * driver means `memory`.
 *
 * UNKNOWN_DRIVER, INVALID_RECORD, and what the driver throws when it cannot open.
 */
export function openStore(config: StoreConfig): Promise<StateStore>;
export function openStore(url: string, options?: StoreOptions): Promise<StateStore>;
export async function openStore(target: string | StoreConfig, options?: StoreOptions): Promise<StateStore> {
  if (typeof target !== "string") {
    const { driver = DEFAULT_DRIVER, ...config } = readObject(target, "config") as { driver?: string };
    if ("driver" in target && target.driver === undefined) throw invalid("driver", "left out or a name");
    return openDriver(driver, config);
  }
  const scheme = URL_FORM.exec(target)?.[1]?.toLowerCase();
  if (scheme === undefined)
    throw invalid("url", "a driver's name, a colon and what the driver needs (memory:)");
  return openDriver(ALIASES[scheme] ?? scheme, { ...readOptions(options), url: target });
}

/** Opens a store of a driver by name, from configuration whose type is not known. */
export async function openDriver(name: string, config: object = {}): Promise<StateStore> {
  const factory = processState.drivers.get(name) as DriverFactory<object> | undefined;
  if (factory === undefined) throw unknownDriver(name);
  // Before anything is opened that would have to be closed again.
  validateStoreOptions(readObject(config, "config"));
  const opened = await factory(config);
  if (!("apply" in opened)) return opened;
  try {
    return createStore(opened, { layers: opened.layers ?? [], ...config });
  } catch (error) {
    // A layer threw: nobody else could release what was opened. Its error says more than one of the release.
    await opened.close().catch(() => {});
    throw error;
  }
}

function unknownDriver(name: unknown): StateError {
  if (typeof name !== "string" || name === "") return invalid("driver", "a name");
  const registered = registeredDrivers();
  const known = registered.length === 0 ? 'none: import "groundstate/drivers" first' : registered.join(", ");
  return new StateError("UNKNOWN_DRIVER", `no driver is registered under this name (registered: ${known})`, {
    details: { driver: name, registered },
  });
}
