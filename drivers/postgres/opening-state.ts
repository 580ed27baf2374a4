import { isStateError } from "../../src/contract/errors.js";
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
 * Reads the state of a database whose schema is up to date, in one round trip, and with `apply` moves the sequence of record
 * ids past the ids in the table. `undefined` if the server refuses the statement: something is missing, and the steps of
 * opening find out what.
 */
export async function openingState(
  pool: ClientPool,
  names: Names,
  mode: MigrateMode,
): Promise<OpeningState | undefined> {
  const settled = mode === "apply" ? `, ${names.settleIds}() AS settled` : "";
  const text = `SELECT (SELECT coalesce(max(version), 0) FROM ${names.migration}) AS version,
    array_to_json(ARRAY(SELECT m.missing FROM (${missingRightsQuery(names)}) AS m))::text AS missing${settled}`;
  try {
    // Without parameters the client sends one message and waits for one answer.
    const [row] = await pool.run(text, [], "read");
    return { version: Number(row?.version), missing: JSON.parse(String(row?.missing)) };
  } catch (error) {
    if (isStateError(error, "UNAVAILABLE") && error.details.reason !== "setup") throw error;
    return undefined;
  }
}
