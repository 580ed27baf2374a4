import { createHash, randomBytes } from "node:crypto";
import postgres from "postgres";
import { inject } from "vitest";
import { openPostgres } from "../../drivers/postgres/index.js";
import { namesOf } from "../../drivers/postgres/names.js";
import { migrationsOf } from "../../drivers/postgres/schema.js";
import type {} from "./global-setup.js";
import { type PostgresOptions, type PostgresServer, startPostgres } from "./server.js";

export interface TestDatabase {
  readonly url: string;
  /** Drops it, even with open connections. */
  drop(): Promise<void>;
}

/** An empty database of its own on the server that all test files share. */
export function createDatabase(): Promise<TestDatabase> {
  return createFrom("template1");
}

/** The same with the tables and functions of a store, in a fraction of the time that its migrations take. */
export async function createMigratedDatabase(): Promise<TestDatabase> {
  return createFrom(await migratedTemplate());
}

async function createFrom(template: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  // Through the log, as by default, it takes several times the CPU time.
  await administer(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`);
  const drop = async () => void (await administer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
  return { url: urlOf(name), drop };
}

/** The first that asks for it makes it. A server that outlives the tests has one for each schema. */
async function migratedTemplate(): Promise<string> {
  const migrations = JSON.stringify(migrationsOf(namesOf("groundstate", "")));
  const name = `migrated_${createHash("sha256").update(migrations).digest("hex").slice(0, 16)}`;
  const isReady = async () =>
    (await administer(`SELECT FROM pg_database WHERE datname = '${name}'`)).length > 0;
  if (await isReady()) return name;
  const made = await createDatabase();
  await (await openPostgres({ url: made.url })).close();
  // Somebody else may have been faster.
  const rename = `ALTER DATABASE ${new URL(made.url).pathname.slice(1)} RENAME TO ${name}`;
  await administer(rename).catch(async (error) => {
    await made.drop();
    if (!(await isReady())) throw error;
  });
  return name;
}

/** A server of its own, for tests that crash, freeze, fill or configure it. */
export function startServer(options: PostgresOptions = {}): Promise<PostgresServer> {
  return startPostgres({ ...options, template: inject("postgresTemplate") });
}

/** A connection takes longer than what it is made for, so a worker keeps its own for a while. */
let administration: ReturnType<typeof postgres> | undefined;

async function administer(statement: string): Promise<readonly unknown[]> {
  const options = { max: 1, idle_timeout: 10, fetch_types: false, onnotice() {} };
  administration ??= postgres(inject("postgresUrl"), options);
  return administration.unsafe(statement);
}

function urlOf(database: string): string {
  const url = new URL(inject("postgresUrl"));
  url.pathname = database;
  return url.href;
}
