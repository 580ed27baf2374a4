import { StateError } from "../src/contract/errors.js";

/** One forward step of a schema. Numbered from 1 without gaps; never changed once released. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** The database operations that the migration runner needs. */
export interface MigrationTarget {
  /** The schema's version; 0 when there is no schema yet. */
  version(): Promise<number>;
  /** The name of the schema, for an error message, if the schema itself does not exist; otherwise `undefined`. */
  absent?(): Promise<string | undefined>;
  /**
   * Runs one migration and records its version, in one transaction that locks out every other process. Does nothing when
   * another process has run it already.
   */
  run(migration: Migration): Promise<void>;
}

/**
 * - `apply`: bring the schema up to date (the default).
 * - `verify`: change nothing; SCHEMA_OUTDATED when something is pending.
 * - `off`: change nothing, and check only that the schema is not newer than the code. An operation that needs a missing
 *   table or function gets SCHEMA_OUTDATED.
 */
export type MigrateMode = "apply" | "verify" | "off";

/**
 * Brings a schema to the state the mode asks for, or throws SCHEMA_TOO_NEW or SCHEMA_OUTDATED. Returns how many
 * migrations it ran.
 */
export async function migrate(
  target: MigrationTarget,
  migrations: readonly Migration[],
  mode: MigrateMode,
): Promise<number> {
  const pending = pendingAt(await target.version(), migrations);
  if (pending.length === 0 || mode === "off") return 0;
  if (mode === "verify") throw outdated(migrations.length - pending.length, pending, await target.absent?.());
  for (const migration of pending) await target.run(migration);
  return pending.length;
}

/** The migrations that a schema of this version still needs. SCHEMA_TOO_NEW when the version is higher than the code's. */
export function pendingAt(version: number, migrations: readonly Migration[]): readonly Migration[] {
  if (version > migrations.length) {
    throw new StateError(
      "SCHEMA_TOO_NEW",
      `the database has schema version ${version} and this code knows ${migrations.length}: upgrade groundstate`,
      { details: { found: version, supported: migrations.length } },
    );
  }
  return migrations.slice(version);
}

/** SCHEMA_OUTDATED, naming the pending migrations, or the schema (`absent`) that does not exist at all. */
export function outdated(
  found: number,
  pending: readonly Migration[],
  absent?: string,
): StateError<"SCHEMA_OUTDATED"> {
  const names = pending.map((migration) => migration.name);
  const message =
    absent === undefined
      ? `the database has schema version ${found} and lacks ${names.join(", ")}: open it once with migrate: "apply"`
      : `${absent} does not exist: was it renamed, or is this another database? A new one is made with migrate: "apply"`;
  return new StateError("SCHEMA_OUTDATED", message, { details: { found, pending: names } });
}
