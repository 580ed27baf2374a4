import type { MigrateMode } from "../migrations.js";
import type { ClientPool } from "./client-pool.js";
import type { Names } from "./names.js";
import { missingRightsQuery } from "./rights.js";

/** What a store has to know of a database before it uses it. */
export interface OpeningState {
  /** The number of the last migration. */
  readonly version: number;
  /** The rights that the role lacks. */
  readonly missing: readonly string[];
}

/**
 * Connects, and reads the state of a database whose schema is up to date by the first statement of the connection; with
 * `apply` it also moves the sequence of record ids past the ids in the table. `undefined` with `off`, and if the server
 * refuses that: something is missing, and the steps of opening find out what.
 */
export async function connectAndLook(
  pool: ClientPool,
  names: Names,
  mode: MigrateMode,
  serverWaitMs: number,
): Promise<OpeningState | undefined> {
  const row = await pool.connect(serverWaitMs, mode === "off" ? undefined : columnsOf(names, mode));
  return row && { version: Number(row.version), missing: JSON.parse(String(row.missing)) };
}

function columnsOf(names: Names, mode: MigrateMode): string {
  const settled = mode === "apply" ? `, ${names.settleIds}() AS settled` : "";
  return `(SELECT coalesce(max(version), 0) FROM ${names.migration}) AS version,
    array_to_json(ARRAY(SELECT m.missing FROM (${missingRightsQuery(names)}) AS m))::text AS missing${settled}`;
}
