import type { DriverFactory } from "../src/contract/driver.js";
import { registerDriver, registeredDrivers } from "../src/store/registry.js";
import type { MemoryConfig } from "./memory/index.js";
import type { PostgresConfig } from "./postgres/index.js";
import type { SqliteConfig } from "./sqlite/index.js";

declare module "../src/store/registry.js" {
  interface DriverConfigs {
    /** `driver: "memory"`, or `memory:`. */
    memory: MemoryConfig;
    /** `driver: "sqlite"`, or `sqlite:` and a path. */
    sqlite: SqliteConfig;
    /** `driver: "postgres"`, or `postgres://...`. */
    postgres: PostgresConfig;
  }
}

export type { MemoryConfig, PostgresConfig, SqliteConfig };

// A driver's code is loaded when a store is first opened on it: a program uses one of them, and they are most of the package.
registerBuiltIn("memory", async (config: MemoryConfig) =>
  (await import("./memory/index.js")).openMemory(config),
);
registerBuiltIn("sqlite", async (config: SqliteConfig) =>
  (await import("./sqlite/index.js")).openSqlite(config),
);
registerBuiltIn("postgres", async (config: PostgresConfig) =>
  (await import("./postgres/index.js")).openPostgres(config),
);

/**
 * Does nothing when the name is taken: copies of the package in one process share the registry. Either a copy that was
 * loaded first has registered the same driver, or the application has registered its own.
 */
function registerBuiltIn<C>(name: string, factory: DriverFactory<C>): void {
  if (!registeredDrivers().includes(name)) registerDriver(name, factory);
}
