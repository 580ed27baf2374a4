import { type Migration, type MigrationTarget, migrate, outdated, pendingAt } from "../migrations.js";
import { COMPACT_EVENTS } from "./compact-events.js";
import type { Connection, Statement } from "./connection.js";
import { translate, translated } from "./errors.js";
import { FENCED_RANGES } from "./fenced-ranges.js";
import { Transactions } from "./transactions.js";

/** "GSTA": tells a Groundstate database from any other SQLite file. */
export const APPLICATION_ID = 0x47535441;

/**
 * `event` remembered every saved event id. Its rows formed the expiry queue, in the order of `id`; `lined_up_at` is when a row
 * was added or moved to the end. `record` points at the record that the event was saved as, which may be gone by now or
 * hold another event.
 */
const RECORDS_AND_EVENTS = `
CREATE TABLE record (
  id INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  user TEXT NOT NULL,
  session TEXT NOT NULL,
  run TEXT NOT NULL,
  kind TEXT NOT NULL,
  event_id TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  version INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  UNIQUE (tenant, user, session, run, kind)
) STRICT;

CREATE INDEX record_by_kind ON record (tenant, kind, user, session, run);

CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  event_id TEXT NOT NULL,
  record INTEGER NOT NULL,
  fingerprint TEXT,
  saved_at INTEGER NOT NULL,
  lined_up_at INTEGER NOT NULL,
  UNIQUE (event_id, tenant)
) STRICT;
`;

/**
 * One row for each large erase that is under way. Records of the session with an id up to `last` are erased; a record that
 * is saved later has a higher id. Sweeps remove them in the order of run and kind; `run` and `kind` say how far they have
 * come, and `touched_at` when the last one was.
 */
const ERASURES = `
CREATE TABLE erasure (
  tenant TEXT NOT NULL,
  user TEXT NOT NULL,
  session TEXT NOT NULL,
  last INTEGER NOT NULL,
  run TEXT NOT NULL,
  kind TEXT NOT NULL,
  touched_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, user, session)
) STRICT, WITHOUT ROWID;
`;

export const MIGRATIONS: readonly Migration[] = [
  { version: 1, name: "records-and-events", sql: RECORDS_AND_EVENTS },
  { version: 2, name: "erasures", sql: ERASURES },
  { version: 3, name: "compact-events", sql: `${COMPACT_EVENTS}${FENCED_RANGES}` },
];

export function schemaVersion(connection: Connection): number {
  return translated(() => connection.pragma("user_version", { simple: true })) as number;
}

/** For `refuseNewerSchema`. */
export function prepareVersion(connection: Connection): Statement {
  return connection.prepare("PRAGMA user_version").raw();
}

/** SCHEMA_TOO_NEW, in a write, when a newer process has migrated the database since it was opened. */
export function refuseNewerSchema(version: Statement): void {
  pendingAt((version.get() as [number])[0], MIGRATIONS);
}

/** The database as the migration runner sees it. The write lock of the file locks out other processes. */
export function migrationTarget(connection: Connection): MigrationTarget {
  const transactions = new Transactions(connection);
  return {
    version: async () => schemaVersion(connection),
    run: async ({ sql, version }) =>
      transactions.writing(() => {
        if (schemaVersion(connection) >= version) return;
        connection.exec(`${sql}; PRAGMA user_version = ${version}`);
      }),
  };
}

/** Brings the schema of a database up to date. */
export function applyMigrations(connection: Connection): Promise<number> {
  return migrate(migrationTarget(connection), MIGRATIONS, "apply");
}

/**
 * Prepares statements when they are first needed, and once. SCHEMA_OUTDATED when the database lacks a migration that
 * they need, which `migrate: "off"` allows.
 */
export function preparedOnFirstUse<T>(
  connection: Connection,
  prepare: (connection: Connection) => T,
): () => T {
  let prepared: T | undefined;
  return () => {
    prepared ??= prepareAll(connection, prepare);
    return prepared;
  };
}

function prepareAll<T>(connection: Connection, prepare: (connection: Connection) => T): T {
  try {
    return prepare(connection);
  } catch (error) {
    const version = schemaVersion(connection);
    const pending = pendingAt(version, MIGRATIONS);
    if (pending.length > 0) throw outdated(version, pending);
    throw translate(error);
  }
}
