import { StateError } from "../src/contract/errors.js";

/** One forward step of a schema. Numbered from 1 without gaps; never changed once released. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** What the runner needs of a database. */
export interface MigrationTarget {
  /** The schema's version; 0 when there is none yet. */
  version(): Promise<number>;
  /** Where there is no version: the place that was looked in, as an operator knows it, if that itself is not there. */
  absent?(): Promise<string | undefined>;
  /**
   * Runs one migration and records its version, in one transaction that holds off every other process, unless another
   * process has run it by then.
   */
  run(migration: Migration): Promise<void>;
}

/**
 * - `apply`: bring the schema up to date (the default).
 * - `verify`: change nothing; SCHEMA_OUTDATED when something is pending.
 * - `off`: change nothing and check only that the schema is not newer than the code; an operation that misses
 *   something in the schema gets SCHEMA_OUTDATED.
 */
export type MigrateMode = "apply" | "verify" | "off";

/**
 * Brings a schema to the state the mode asks for, or throws SCHEMA_TOO_NEW or SCHEMA_OUTDATED. How many migrations it
 * ran.
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

/** The migrations a schema of this version has not seen. SCHEMA_TOO_NEW when it has seen more than there are. */
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

/** SCHEMA_OUTDATED, naming what is pending, or the place that is not there at all. */
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
