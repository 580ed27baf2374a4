import type { Driver } from "../../src/driver.js";
import { invalid } from "../../src/errors.js";
import { readDriverConfig } from "../../src/store-options.js";
import { MemoryDriver } from "./memory-driver.js";

/** The memory driver needs nothing; every store it opens is a new, empty one. */
export interface MemoryConfig {
  /** `memory:`, as `openStore` was given it. */
  readonly url?: string;
}

/** Opens a driver that keeps everything in this process's memory, for as long as the driver lives. */
export async function openMemory(config: MemoryConfig = {}): Promise<Driver> {
  readDriverConfig(config, ["url"]);
  if ("url" in config && config.url !== "memory:") throw invalid("url", "memory: and nothing after it");
  return new MemoryDriver();
}
