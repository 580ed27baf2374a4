import type { Driver } from "../../src/contract/driver.js";
import { invalid } from "../../src/contract/errors.js";
import { readDriverConfig } from "../../src/validation/store-options.js";
import { type Health, type HealthOptions, healthOf } from "../health.js";
import { MemoryDriver } from "./memory-driver.js";

export type { Health, HealthOptions, WriteProbe } from "../health.js";

/** The memory driver needs no configuration. Every store on it is new and empty. */
export interface MemoryConfig {
  /** `memory:`, as passed to `openStore`. */
  readonly url?: string;
}

/**
 * Opens a driver that keeps everything in this process's memory, for as long as the driver lives.
 *
 * @example
 * ```ts
 * import { createStore } from "groundstate";
 * import { openMemory } from "groundstate/drivers/memory";
 *
 * const memory = createStore(await openMemory());
 * await memory.close();
 * ```
 */
export async function openMemory(config: MemoryConfig = {}): Promise<Driver> {
  readDriverConfig(config, ["url"]);
  if ("url" in config && config.url !== "memory:") throw invalid("url", "memory: and nothing after it");
  return new MemoryDriver();
}

/** Always empty: there is no schema. */
export async function pendingMigrations(config: MemoryConfig = {}): Promise<readonly string[]> {
  return (await (await openMemory(config)).status()).pendingMigrations;
}

/** The health of a new, empty driver, so that code can treat all drivers alike. */
export async function health(config: MemoryConfig = {}, options?: HealthOptions): Promise<Health> {
  return healthOf(() => openMemory(config), options);
}
