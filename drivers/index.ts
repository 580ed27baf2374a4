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
 * Passes over a name that is taken: copies of the package in one process share the registry, and another one that was
 * loaded first has registered the same drivers, or the application has put its own in their place.
 */
function registerBuiltIn<C>(name: string, factory: DriverFactory<C>): void {
  if (!registeredDrivers().includes(name)) registerDriver(name, factory);
}
