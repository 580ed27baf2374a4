import { setTimeout as sleep } from "node:timers/promises";
import type { Migration, MigrationTarget } from "../migrations.js";
import type { ClientPool } from "./client-pool.js";
import { DURABLE_COMMIT } from "./function-settings.js";
import type { Names } from "./names.js";

/** Any number that nobody else on the server is likely to lock; sessions are locked by hashes with another seed. */
const LOCK = "7310582642901137";

/** How often a server that works on a migration is asked whether it is there, in milliseconds. */
const PULSE_MS = 1000;

/**
 * Migrates a database. Each migration is one statement, and so one transaction, that takes a lock, looks whether another
 * process was faster, and only then works: a lock that outlives a statement is not to be had behind every pooler.
 */
export class PostgresMigrator implements MigrationTarget {
  readonly #pool: ClientPool;
  readonly #patient: ClientPool;
  readonly #names: Names;

  /** The patient pool, of one connection, gives a migration the time it takes; the other asks whether it still works. */
  constructor(pool: ClientPool, patient: ClientPool, names: Names) {
    this.#pool = pool;
    this.#patient = patient;
    this.#names = names;
  }

  async version(): Promise<number> {
    return schemaVersion(this.#pool, this.#names);
  }

  async run(migration: Migration): Promise<void> {
    const { schema, migration: table } = this.#names;
    const record = `INSERT INTO ${table} VALUES (${migration.version}, ${literal(migration.name)}, now())`;
    await this.#whileAlive(
      // Asking again does no harm, so what became of it need not be known.
      this.#patient.run(
        `DO $migrate$
       BEGIN
         ${DURABLE_COMMIT}
         PERFORM pg_advisory_xact_lock(${LOCK});
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
        [],
        "read",
      ),
    );
  }

  /** A migration may take long, but not because the server is gone: meanwhile others must get their answers. */
  async #whileAlive(work: Promise<unknown>): Promise<void> {
    let underWay = true;
    const finished = work.finally(() => {
      underWay = false;
    });
    const watch = async () => {
      for (;;) {
        await sleep(PULSE_MS, undefined, { ref: false });
        if (!underWay) return finished;
        await this.#pool.run("SELECT 1 AS alive", [], "read");
      }
    };
    await Promise.race([finished, watch()]);
  }
}

/** The number of the last migration; 0 where there is none yet. */
export async function schemaVersion(pool: ClientPool, names: Names): Promise<number> {
  const { migration } = names;
  const [found] = await pool.run("SELECT to_regclass($1) IS NOT NULL AS present", [migration], "read");
  if (found?.present !== true) return 0;
  const [row] = await pool.run(`SELECT coalesce(max(version), 0) AS version FROM ${migration}`, [], "read");
  return Number(row?.version);
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
