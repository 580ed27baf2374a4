import type { DriverFactory } from "../src/contract/driver.js";
import { registerDriver, registeredDrivers } from "../src/store/registry.js";
import { type MemoryConfig, openMemory } from "./memory/index.js";
import { openPostgres, type PostgresConfig } from "./postgres/index.js";
import { openSqlite, type SqliteConfig } from "./sqlite/index.js";

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

registerBuiltIn("memory", openMemory);
registerBuiltIn("sqlite", openSqlite);
registerBuiltIn("postgres", openPostgres);

/**
 * Does nothing when the name is taken: copies of the package in one process share the registry. Either a copy that was
 * loaded first has registered the same driver, or the application has registered its own.
 */
function registerBuiltIn<C>(name: string, factory: DriverFactory<C>): void {
  if (!registeredDrivers().includes(name)) registerDriver(name, factory);
}
