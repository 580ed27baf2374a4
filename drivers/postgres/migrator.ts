import { isStateError } from "../../src/contract/errors.js";
import { jitteredPause } from "../../src/timing/backoff.js";
import { sleep } from "../../src/timing/real-timers.js";
import type { Migration, MigrationTarget } from "../migrations.js";
import type { ClientPool } from "./client-pool.js";
import { DURABLE_COMMIT } from "./function-settings.js";
import type { Names } from "./names.js";
import { statementsOf } from "./statements.js";

/** Any number that nobody else on the server is likely to lock; sessions are locked by hashes with another seed. */
const MIGRATION_LOCK = "7310582642901137";

const BACKOFF = { baseMs: 50, mostMs: 1_000, random: Math.random };
const MAX_TRIES = 10;

/**
 * Migrates a database. Each migration is one statement, and so one transaction, that takes a lock, looks whether another
 * process was faster, and only then works: a lock that outlives a statement is not to be had behind every pooler.
 */
export class PostgresMigrator implements MigrationTarget {
  readonly #pool: ClientPool;
  readonly #migrationPool: ClientPool;
  readonly #serverWaitMs: number;
  readonly #names: Names;

  /** The patient pool gives a migration the time it takes, and a server that is not there so many milliseconds. */
  constructor(pool: ClientPool, migrationPool: ClientPool, serverWaitMs: number, names: Names) {
    this.#pool = pool;
    this.#migrationPool = migrationPool;
    this.#serverWaitMs = serverWaitMs;
    this.#names = names;
  }

  async version(): Promise<number> {
    return schemaVersion(this.#pool, this.#names);
  }

  absent(): Promise<string | undefined> {
    return absentSchema(this.#pool, this.#names);
  }

  async run(migration: Migration): Promise<void> {
    const { schema, migration: table } = this.#names;
    const record = `INSERT INTO ${table} VALUES (${migration.version}, ${literal(migration.name)}, now())`;
    // There may be no more than one connection for this role.
    await this.#pool.closeIdle();
    await this.#migrationPool.connect(this.#serverWaitMs);
    await this.#runUnlessBusy(
      `DO $migrate$
       BEGIN
         ${DURABLE_COMMIT}
         PERFORM pg_advisory_xact_lock(${MIGRATION_LOCK});
         IF to_regnamespace(${literal(schema)}) IS NULL THEN
           CREATE SCHEMA ${schema};
         END IF;
         IF to_regclass(${literal(table)}) IS NULL THEN
           CREATE TABLE ${table} (version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL);
         END IF;
         IF NOT EXISTS (SELECT FROM ${table} WHERE version >= ${migration.version}) THEN
           EXECUTE ${literal(migration.sql)};
           ${record};
         END IF;
       END
       $migrate$`,
    );
  }

  /** Asking again does no harm. Writers that are at work meanwhile may lock against a migration (a deadlock). */
  async #runUnlessBusy(statement: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#migrationPool.run(statement, [], "read");
        return;
      } catch (error) {
        const passes = isStateError(error, "UNAVAILABLE") && error.details.reason === "busy";
        if (!passes || tries === MAX_TRIES) throw error;
      }
      await sleep(jitteredPause(tries, BACKOFF));
    }
  }

  /**
   * Puts the sequence of record ids right, which a restore of the data alone leaves behind. A role that may not, or a
   * server that only reads, is no reason not to open: a save that needs it says so.
   */
  async settleIds(): Promise<void> {
    try {
      await this.#pool.run(statementsOf(this.#names).settleIds, [], "read");
    } catch (error) {
      if (!isStateError(error, "UNAVAILABLE") || error.details.reason !== "setup") throw error;
    }
  }
}

/** The number of the last migration; 0 where there is none yet. */
export async function schemaVersion(pool: ClientPool, names: Names, deadline?: number): Promise<number> {
  const { migration } = names;
  const ask = (text: string, parameters: readonly string[]) => pool.run(text, parameters, "read", deadline);
  const [found] = await ask("SELECT to_regclass($1) IS NOT NULL AS present", [migration]);
  if (found?.present !== true) return 0;
  const [row] = await ask(`SELECT coalesce(max(version), 0) AS version FROM ${migration}`, []);
  return Number(row?.version);
}

/** The schema as it is called, if there is none. */
export async function absentSchema(
  pool: ClientPool,
  { schema }: Names,
  deadline?: number,
): Promise<string | undefined> {
  const text = "SELECT to_regnamespace($1) IS NOT NULL AS present";
  const [found] = await pool.run(text, [schema], "read", deadline);
  return found?.present === true ? undefined : `the schema ${schema}`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
