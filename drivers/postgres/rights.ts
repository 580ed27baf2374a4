import { StateError } from "../../src/contract/errors.js";
import type { ClientPool } from "./client-pool.js";
import type { Names } from "./names.js";

/** Finds the rights that a store needs and the role lacks. Reads the catalogs, which every role may read. */
export function missingRightsQuery(names: Names): string {
  const [schema, migration] = [names.schema, names.migration].map(literalOf);
  const own = `ARRAY[${Object.values(names).map(literalOf).join(", ")}]`;
  return `
  SELECT privilege || ' on ' || kind || ' ' || name AS missing
    FROM (SELECT 1 AS place, 'schema' AS kind, nspname::text AS name, 'USAGE' AS privilege,
                 has_schema_privilege(oid, 'USAGE') AS granted
            FROM pg_namespace WHERE nspname = ${schema}
          UNION ALL
          SELECT 2, 'table', relname, privilege, has_table_privilege(c.oid, privilege)
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace,
                 unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
           WHERE nspname = ${schema} AND relkind IN ('r', 'p') AND relname = ANY(${own})
             -- Which migrations there were is read; whoever migrates owns the table.
             AND (relname <> ${migration} OR privilege = 'SELECT')
          UNION ALL
          -- A plan may ask before it has left out what is no sequence.
          SELECT 3, 'sequence', relname, 'USAGE', CASE relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'USAGE') END
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
           WHERE nspname = ${schema} AND relkind = 'S' AND relname = ANY(${own})
          UNION ALL
          SELECT 4, 'function', proname, 'EXECUTE', has_function_privilege(p.oid, 'EXECUTE')
            FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = pronamespace
           WHERE nspname = ${schema} AND proname = ANY(${own})) AS needed
   WHERE NOT granted ORDER BY place, name COLLATE "C", privilege COLLATE "C"`;
}

/** The rights that a store needs and the role lacks, as in `INSERT on table record`. */
export async function missingRights(
  pool: ClientPool,
  names: Names,
  deadline?: number,
): Promise<readonly string[]> {
  const rows = await pool.run(missingRightsQuery(names), [], "read", deadline);
  return rows.map((row) => String(row.missing));
}

/** Throws UNAVAILABLE naming all missing rights, so that they can be granted at once. */
export async function requireRights(pool: ClientPool, names: Names): Promise<void> {
  refuseMissing(await missingRights(pool, names));
}

/** Throws UNAVAILABLE naming these rights, if there are any. */
export function refuseMissing(missing: readonly string[]): void {
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

/** The last part of a quoted name as a literal; such names hold no quotes. */
export function literalOf(quoted: string): string {
  return `'${quoted.split('"').at(-2)}'`;
}
