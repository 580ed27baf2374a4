import { StateError } from "../../src/contract/errors.js";
import { arrayLiteral } from "./batch.js";
import type { ClientPool } from "./client-pool.js";
import type { Names } from "./names.js";

/** Reads the catalogs, which every role may read. */
const MISSING = `
  SELECT privilege || ' on ' || kind || ' ' || name AS missing
    FROM (SELECT 1 AS place, 'schema' AS kind, nspname::text AS name, 'USAGE' AS privilege,
                 has_schema_privilege(oid, 'USAGE') AS granted
            FROM pg_namespace WHERE nspname = $1
          UNION ALL
          SELECT 2, 'table', relname, privilege, has_table_privilege(c.oid, privilege)
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace,
                 unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
           WHERE nspname = $1 AND relkind IN ('r', 'p') AND relname = ANY($2::text[])
             -- Which migrations there were is read; whoever migrates owns the table.
             AND (relname <> $3 OR privilege = 'SELECT')
          UNION ALL
          -- A plan may ask before it has left out what is no sequence.
          SELECT 3, 'sequence', relname, 'USAGE', CASE relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'USAGE') END
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
           WHERE nspname = $1 AND relkind = 'S' AND relname = ANY($2::text[])
          UNION ALL
          SELECT 4, 'function', proname, 'EXECUTE', has_function_privilege(p.oid, 'EXECUTE')
            FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = pronamespace
           WHERE nspname = $1 AND proname = ANY($2::text[])) AS needed
   WHERE NOT granted ORDER BY place, name COLLATE "C", privilege COLLATE "C"`;

/** The rights that a store needs and the role lacks, as in `INSERT on table record`. */
export async function missingRights(
  pool: ClientPool,
  names: Names,
  deadline?: number,
): Promise<readonly string[]> {
  const own = Object.values(names).map(unquoted);
  const parameters = [unquoted(names.schema), arrayLiteral(own), unquoted(names.migration)];
  const rows = await pool.run(MISSING, parameters, "read", deadline);
  return rows.map((row) => String(row.missing));
}

/** Throws UNAVAILABLE naming all missing rights, so that they can be granted at once. */
export async function requireRights(pool: ClientPool, names: Names): Promise<void> {
  const missing = await missingRights(pool, names);
  if (missing.length > 0) throw rightsError(missing);
}

/** The same error, without throwing it; `undefined` when no right is missing, or the check itself fails. */
export async function missingRightsError(pool: ClientPool, names: Names): Promise<StateError | undefined> {
  const missing = await missingRights(pool, names).catch(() => []);
  return missing.length > 0 ? rightsError(missing) : undefined;
}

function rightsError(missing: readonly string[]): StateError<"UNAVAILABLE"> {
  return new StateError(
    "UNAVAILABLE",
    `the role lacks rights: grant it ${missing.join(", ")} (docs/drivers/postgres-roles.md)`,
    { details: { reason: "setup" } },
  );
}

/** The last part of a quoted name; such names hold no quotes. */
function unquoted(quoted: string): string {
  return quoted.split('"').at(-2) as string;
}
