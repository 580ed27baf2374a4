import { describeType } from "../contract/describe-type.js";
import type { Driver, DriverFactory } from "../contract/driver.js";
import { invalid, StateError } from "../contract/errors.js";
import type { StateStore } from "../contract/store.js";
import { processState } from "../process/process-state.js";
import { STORE_OPTIONS, type StoreOptions, validateStoreOptions } from "../validation/store-options.js";
import { readNamed, readObject } from "../validation/validate.js";
import { createStore, readyStore } from "./driver-store.js";

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

/** The driver of a configuration that names none. */
export const DEFAULT_DRIVER = "memory";

/** What `openStore` takes: a driver's name, its configuration, and the options of the store. */
export type StoreConfig =
  | {
      [D in keyof DriverConfigs]: { readonly driver: D } & DriverConfigs[D] & StoreOptions;
    }[keyof DriverConfigs]
  | (StoreOptions & { readonly driver?: never });

/** The driver of a URL's scheme; any driver, if the URL is not a literal. */
type DriverOf<Url extends string> = Url extends `${infer Scheme}:${string}`
  ? string extends Scheme
    ? keyof DriverConfigs
    : Lowercase<Scheme> extends "postgresql"
      ? "postgres"
      : Lowercase<Scheme>
  : keyof DriverConfigs;

/** The configuration of each of these drivers, without the URL. */
type OptionsWithUrl<D> = D extends keyof DriverConfigs
  ? Partial<Omit<DriverConfigs[D], "url">> & StoreOptions
  : never;

/**
 * What `openStore` takes beside a URL: the options of the store, and those of the driver that the scheme names. If the
 * compiler does not know the URL, the options of any driver.
 */
export type UrlOptions<Url extends string = string> = StoreOptions | OptionsWithUrl<DriverOf<Url>>;

/** Schemes that differ from the name of their driver. */
const ALIASES: ReadonlyMap<string, string> = new Map([["postgresql", "postgres"]]);

/** A scheme and a colon; the driver reads the rest. */
const URL_FORM = /^([a-z][a-z0-9+.-]*):/i;
const NAME_FORM = /^[\w+.-]{1,40}$/;

/** Registers a driver by name. TypeError if the name is empty or taken, or `factory` is not a function. */
export function registerDriver<C>(name: string, factory: DriverFactory<C>): void {
  if (typeof name !== "string" || name === "") throw new TypeError("a driver needs a name");
  if (typeof factory !== "function") throw new TypeError(`driver ${name} needs a factory function`);
  if (processState.drivers.has(name)) throw new TypeError(`driver ${name} is registered already`);
  processState.drivers.set(name, factory as DriverFactory);
}

/** The names of all drivers that `openStore` knows, sorted. */
export function registeredDrivers(): string[] {
  return [...processState.drivers.keys()].sort();
}

/**
 * Opens a store.
 *
 * From a URL whose scheme is the driver's name: `memory:`, `sqlite:./state.db` (everything after the colon is the path),
 * `postgres://...`; the options of the driver and of the store go into the second argument. Or from a configuration:
 * `{ driver: "sqlite", path: "./state.db" }`; without `driver` it means `memory`.
 *
 * Rejects with UNKNOWN_DRIVER, INVALID_RECORD, or the driver's own error if it cannot open.
 *
 * @example
 * ```ts
 * import { openStore } from "groundstate";
 * import "groundstate/drivers";
 *
 * const memory = await openStore("memory:");
 * const file = await openStore("sqlite:./state.db", { durability: "full" });
 * const server = await openStore({ driver: "postgres", url, poolSize: 5, migrate: "verify" });
 * for (const each of [memory, file, server]) await each.close();
 * ```
 */
export function openStore(target: string | StoreConfig): Promise<StateStore>;
export function openStore<Url extends string>(url: Url, options?: UrlOptions<Url>): Promise<StateStore>;
export async function openStore(target: string | StoreConfig, options?: object): Promise<StateStore> {
  if (typeof target === "string") {
    return openDriver(driverOf(target), {
      ...(options === undefined ? {} : readObject(options, "options")),
      url: target,
    });
  }
  const config = readTarget(target);
  // A configuration meant for another driver must not open a memory store because `driver` was left out.
  if (!("driver" in config))
    return openDriver(DEFAULT_DRIVER, readNamed(config, "config without a driver", STORE_OPTIONS));
  const { driver, ...rest } = config;
  return openDriver(driver as string, rest);
}

/** Opens a store of a driver by name, from configuration whose type is not known. */
export async function openDriver(name: string, config: object = {}): Promise<StateStore> {
  const factory = processState.drivers.get(name) as DriverFactory<object> | undefined;
  if (factory === undefined) throw unknownDriver(name);
  const options = storeOptions(readObject(config, "config"));
  // Checked before the driver is opened, since it would have to be closed again.
  validateStoreOptions(options);
  const opened = await factory(config);
  if (typeof (opened as Partial<StateStore>)?.save === "function") return opened as StateStore;
  if (typeof (opened as Partial<Driver>)?.apply !== "function") {
    throw new TypeError(`the factory of driver ${name} gave neither a driver nor a store`);
  }
  const driver = opened as Driver;
  try {
    const store = createStore(driver, { layers: driver.layers ?? [], ...options });
    await readyStore(store);
    return store;
  } catch (error) {
    // A layer failed, and the caller has no store to close. The layer's error matters more than one of closing.
    await driver.close().catch(() => {});
    throw error;
  }
}

function readTarget(target: unknown): { readonly driver?: unknown } {
  if (typeof target === "object" && target !== null && isPlain(target)) return target;
  const hint = target === undefined ? ": is a variable of the environment not set?" : "";
  throw invalid("target", `a URL or a configuration, not ${describeType(target)}${hint}`);
}

/** A URL object, an array or a promise has no own fields, and would pass for a configuration without a driver. */
function isPlain(config: object): boolean {
  const prototype = Object.getPrototypeOf(config);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function driverOf(url: string): string {
  const scheme = URL_FORM.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined)
    throw invalid("target", "a URL such as sqlite:./state.db or postgres://host/database, or memory:");
  return ALIASES.get(scheme) ?? scheme;
}

function storeOptions(config: StoreOptions): StoreOptions {
  return Object.fromEntries(
    STORE_OPTIONS.filter((name) => name in config).map((name) => [name, config[name]]),
  );
}

function unknownDriver(name: unknown): StateError {
  if (typeof name !== "string" || name === "") return invalid("driver", "a name");
  const registered = registeredDrivers();
  const known = registered.length === 0 ? 'none: import "groundstate/drivers" first' : registered.join(", ");
  // A name of another form may be a URL with a password in it.
  const driver = NAME_FORM.test(name) ? name : "?";
  return new StateError("UNKNOWN_DRIVER", `no driver called ${driver} is registered (registered: ${known})`, {
    details: { driver, registered },
  });
}
