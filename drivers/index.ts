import { registerDriver } from "../src/registry.js";
import { type MemoryConfig, openMemory } from "./memory/index.js";
import { openPostgres, type PostgresConfig } from "./postgres/index.js";
import { openSqlite, type SqliteConfig } from "./sqlite/index.js";

declare module "../src/registry.js" {
  interface DriverConfigs {
    memory: MemoryConfig;
    sqlite: SqliteConfig;
    postgres: PostgresConfig;
  }
}

export type { MemoryConfig, PostgresConfig, SqliteConfig };

registerDriver("memory", openMemory);
registerDriver("sqlite", openSqlite);
registerDriver("postgres", openPostgres);
