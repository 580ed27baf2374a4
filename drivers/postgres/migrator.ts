import { isStateError } from "../../src/contract/errors.js";
import { jitteredPause } from "../../src/timing/backoff.js";
import { sleep } from "../../src/timing/real-timers.js";
import type { Migration, MigrationTarget } from "../migrations.js";
import type { ClientPool } from "./client-pool.js";
import { DURABLE_COMMIT } from "./function-settings.js";
import type { Names } from "./names.js";
import { statementsOf } from "./statements.js";

/** An arbitrary number that no other program is likely to lock. Sessions are locked by hashes with another seed. */
export const MIGRATION_LOCK = "7310582642901137";

const BACKOFF = { baseMs: 50, mostMs: 1_000, random: Math.random };
const MAX_TRIES = 10;

/**
 * Migrates a database. Each migration is one statement, and so one transaction: it takes a lock, checks whether another
 * process was faster, and runs the migration if not. Some poolers do not support locks that outlive a statement.
 */
export class PostgresMigrator implements MigrationTarget {
  readonly #pool: ClientPool;
  readonly #migrationPool: ClientPool;
  readonly #serverWaitMs: number;
  readonly #names: Names;

  /** Migrations run on `migrationPool`, which has a long timeout; it waits `serverWaitMs` milliseconds for a server. */
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
    // The role may be limited to one connection.
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

  /** Retries while the database is busy, which does no harm: concurrent writers may deadlock with a migration. */
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
   * Moves the sequence of record ids past the ids in the table: after a data-only restore it lags behind. Ignores a missing
   * right, so that opening succeeds; a save that needs the sequence reports it.
   */
  async settleIds(): Promise<void> {
    try {
      await this.#pool.run(statementsOf(this.#names).settleIds, [], "read");
    } catch (error) {
      if (!isStateError(error, "UNAVAILABLE") || error.details.reason !== "setup") throw error;
    }
  }
}

/** The number of the last migration; 0 before the first. */
export async function schemaVersion(pool: ClientPool, names: Names, deadline?: number): Promise<number> {
  const { migration } = names;
  const ask = (text: string, parameters: readonly string[]) => pool.run(text, parameters, "read", deadline);
  const [found] = await ask("SELECT to_regclass($1) IS NOT NULL AS present", [migration]);
  if (found?.present !== true) return 0;
  const [row] = await ask(`SELECT coalesce(max(version), 0) AS version FROM ${migration}`, []);
  return Number(row?.version);
}

/** The schema's name for an error message, if the schema does not exist. */
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
