import type { ClientPool } from "../client-pool.js";
import type { Names } from "../names.js";
import { literalOf, missingRights } from "../rights.js";
import { isolationNamesOf } from "./isolation-names.js";
import { provenTenantBody } from "./isolation-sql.js";

/** What a role has too much or too little. */
export interface RoleFinding {
  /** The role, or `PUBLIC`. */
  readonly role: string;
  /** `too-much` weakens the isolation, or is more than a store needs; `too-little` keeps the store from working. */
  readonly finding: "too-much" | "too-little";
  /** Such as `owner of table record`. */
  readonly what: string;
  /** What to do about it. */
  readonly how: string;
}

/** Which role is asked about: of a store without isolation, of one with it, or the one that sees all tenants. */
export type RoleUse = "shared" | "isolated" | "admin";

/** Asks the catalogs, which every role may read, about the role that is logged in. */
export async function findingsOf(
  pool: ClientPool,
  names: Names,
  use: RoleUse,
  deadline?: number,
): Promise<readonly RoleFinding[]> {
  const rows = await pool.run(findingsQuery(names, use), [], "read", deadline);
  return rows.map(({ role, finding, what, how }) => ({
    role: String(role),
    finding: finding === "too-much" ? "too-much" : "too-little",
    what: String(what),
    how: String(how),
  }));
}

/** The rights that the role lacks for its use, as findings. */
export async function lackingOf(
  pool: ClientPool,
  names: Names,
  use: RoleUse,
): Promise<readonly RoleFinding[]> {
  const missing = (await missingRights(pool, names)).filter((right) => use !== "admin" || isScanned(right));
  const [row] = await pool.run("SELECT session_user::text AS role", [], "read");
  const role = String(row?.role);
  return missing.map((what) => ({
    role,
    finding: "too-little",
    what,
    how: `GRANT ${qualified(what, names)} TO ${role}`,
  }));
}

function qualified(right: string, { schema }: Names): string {
  return right.replace(/ on (table|sequence|function) /, (on) => `${on.toUpperCase()}${schema}.`);
}

/** A role that only scans writes nothing. */
function isScanned(right: string): boolean {
  return /^(USAGE on schema|SELECT on table \S*(record|fenced_range)$|EXECUTE on function \S*(scan|settle_ids)_)/.test(
    right,
  );
}

/** Roles of the server that reach past the rights on tables. */
const SERVER_ROLES = "'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program'";

function findingsQuery(names: Names, use: RoleUse): string {
  const parts = [ATTRIBUTES, OWNERSHIP, CREATING, TABLE_RIGHTS];
  if (use !== "shared") parts.push(KEY_RIGHTS);
  if (use === "isolated") parts.push(SEQUENCE, PUBLIC_RIGHTS, policies(names), DEFINERS, VIEWS);
  if (use === "admin") parts.push(seesAll(names));
  return `${store(names)}
    SELECT coalesce(found.role, me.rolname::text) AS role, found.finding, found.what,
      replace(found.how, '%role', quote_ident(me.rolname)) AS how
    FROM me, (${parts.join("\n UNION ALL ")}) AS found (place, finding, role, what, how)
    ORDER BY place, what COLLATE "C"`;
}

/** The role, the roles that it may become, and the objects of the store. */
function store(names: Names): string {
  const own = isolationNamesOf(names);
  const list = (quoted: readonly string[]) => `ARRAY[${quoted.map(literalOf).join(", ")}]`;
  const functions = [...Object.values(names), own.provenTenant];
  return `
  WITH me AS (SELECT r.* FROM pg_roles AS r WHERE r.rolname = session_user),
  held AS (
    SELECT r.* FROM pg_roles AS r, me
    WHERE CASE WHEN me.rolsuper THEN r.oid = me.oid ELSE pg_has_role(me.oid, r.oid, 'MEMBER') END),
  space AS (SELECT n.oid, n.nspname, n.nspowner FROM pg_namespace AS n WHERE n.nspname = ${literalOf(names.schema)}),
  relation AS (
    SELECT c.*, c.relname = ANY(${list(own.tables)}) AS is_tenants, c.relname = ${literalOf(own.tenantKey)} AS is_key,
      quote_ident(space.nspname) || '.' || quote_ident(c.relname) AS shown,
      me.rolsuper OR c.relowner IN (SELECT oid FROM held) AS is_owned
    FROM pg_class AS c JOIN space ON c.relnamespace = space.oid, me
    WHERE c.relname = ANY(${list([...own.tables, names.migration, names.sequence, own.tenantKey])})
      AND c.relkind IN ('r', 'p', 'S')),
  routine AS (
    SELECT p.*, p.proname = ${literalOf(own.provenTenant)} AS is_proof,
      p.oid::regprocedure::text AS shown
    FROM pg_proc AS p JOIN space ON p.pronamespace = space.oid
    WHERE p.proname = ANY(${list(functions)}))`;
}

const via = "CASE WHEN h.oid = me.oid THEN '' ELSE ' (as a member of ' || quote_ident(h.rolname) || ')' END";
const leave = (own: string) =>
  `CASE WHEN h.oid = me.oid THEN ${own} ELSE 'REVOKE ' || quote_ident(h.rolname) || ' FROM %role' END`;

const ATTRIBUTES = `
  SELECT 1, 'too-much', NULL::text, a.name || ${via}, ${leave("'ALTER ROLE %role NO' || a.name")}
  FROM held AS h, me, LATERAL (VALUES
    ('SUPERUSER', h.rolsuper), ('BYPASSRLS', h.rolbypassrls AND NOT h.rolsuper),
    ('CREATEROLE', h.rolcreaterole AND NOT h.rolsuper), ('REPLICATION', h.rolreplication AND NOT h.rolsuper)
  ) AS a (name, has) WHERE a.has
  UNION ALL
  SELECT 1, 'too-much', NULL, 'member of ' || h.rolname, 'REVOKE ' || h.rolname || ' FROM %role'
  FROM held AS h WHERE h.rolname IN (${SERVER_ROLES})`;

const OWNERSHIP = `
  SELECT 2, 'too-much', NULL, 'owner of ' || o.kind || ' ' || o.shown || ${via},
    ${leave("'ALTER ' || upper(o.kind) || ' ' || o.shown || ' OWNER TO another role'")}
  FROM me, held AS h, LATERAL (
    SELECT 'schema' AS kind, quote_ident(nspname) AS shown, nspowner AS owner FROM space
    UNION ALL SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, shown, relowner FROM relation
    UNION ALL SELECT 'function', shown, proowner FROM routine) AS o
  WHERE o.owner = h.oid AND NOT h.rolsuper`;

const CREATING = `
  SELECT 3, 'too-much', NULL, 'CREATE on schema ' || quote_ident(n.nspname),
    'REVOKE CREATE ON SCHEMA ' || quote_ident(n.nspname) || ' FROM %role, PUBLIC'
  FROM me, pg_namespace AS n WHERE (n.nspname = 'public' OR n.oid IN (SELECT oid FROM space))
    AND NOT me.rolsuper AND n.nspowner NOT IN (SELECT oid FROM held) AND has_schema_privilege(me.oid, n.oid, 'CREATE')`;

const revoke = (right: string, kind: string) =>
  `'REVOKE ' || ${right} || ' ON ${kind} ' || r.shown || ' FROM %role, PUBLIC'`;

const TABLE_RIGHTS = `
  SELECT 4, 'too-much', NULL, p.name || ' on table ' || r.shown, ${revoke("p.name", "TABLE")}
  FROM me, relation AS r, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p (name)
  WHERE r.relkind <> 'S' AND NOT r.is_key AND NOT r.is_owned
    AND (NOT r.is_tenants OR p.name IN ('TRUNCATE', 'REFERENCES', 'TRIGGER'))
    AND CASE WHEN r.relkind <> 'S' THEN has_table_privilege(me.oid, r.oid, p.name) END`;

const KEY_RIGHTS = `
  SELECT 5, 'too-much', NULL, p.name || ' on table ' || r.shown, ${revoke("p.name", "TABLE")}
  FROM me, relation AS r,
    unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p (name)
  WHERE r.is_key AND NOT r.is_owned AND (has_table_privilege(me.oid, r.oid, p.name)
    OR p.name IN ('SELECT', 'INSERT', 'UPDATE') AND has_any_column_privilege(me.oid, r.oid, p.name))`;

const SEQUENCE = `
  SELECT 6, 'too-much', NULL, 'UPDATE on sequence ' || r.shown, ${revoke("'UPDATE'", "SEQUENCE")}
  FROM me, relation AS r
  WHERE NOT r.is_owned AND CASE r.relkind WHEN 'S' THEN has_sequence_privilege(me.oid, r.oid, 'UPDATE') END`;

const PUBLIC_RIGHTS = `
  SELECT 7, 'too-much', 'PUBLIC', string_agg(a.privilege_type, ', ') || ' on ' || r.shown,
    'REVOKE ALL ON ' || r.shown || ' FROM PUBLIC'
  FROM relation AS r, aclexplode(r.relacl) AS a WHERE a.grantee = 0 GROUP BY r.shown`;

/** Row-level security that is off, a policy that lets more through, and ones that are missing. */
function policies(names: Names): string {
  const own = isolationNamesOf(names);
  const name = literalOf(own.policy);
  const shown = `"?${own.policy.slice(1, -1)}"?`;
  const expression = `'^\\(tenant = \\( SELECT ([^ ]+\\.)?${shown}\\(\\) AS ${shown}\\)\\)$'`;
  const isOwn = `p.polname = ${name} AND p.polcmd = '*' AND p.polpermissive AND 0 = ANY(p.polroles)
    AND pg_get_expr(p.polqual, p.polrelid) ~ ${expression}
    AND coalesce(pg_get_expr(p.polwithcheck, p.polrelid) ~ ${expression}, true)`;
  return `
  SELECT 8, 'too-much', NULL, 'row-level security is off on table ' || r.shown,
    'ALTER TABLE ' || r.shown || ' ENABLE ROW LEVEL SECURITY, as its owner'
  FROM relation AS r WHERE r.is_tenants AND NOT r.relrowsecurity
  UNION ALL
  SELECT 9, 'too-much', NULL, 'the policy ' || quote_ident(p.polname) || ' on table ' || r.shown,
    'DROP POLICY ' || quote_ident(p.polname) || ' ON ' || r.shown || CASE WHEN p.polname = ${name} THEN ', then isolateTenants' ELSE '' END
  FROM me, relation AS r JOIN pg_policy AS p ON p.polrelid = r.oid
  WHERE r.is_tenants AND p.polpermissive AND NOT (${isOwn})
    AND EXISTS (SELECT FROM unnest(p.polroles) AS g (oid) WHERE g.oid = 0 OR g.oid IN (SELECT h.oid FROM held AS h))
  UNION ALL
  SELECT 10, 'too-little', NULL, 'no policy by tenant on table ' || r.shown, 'isolateTenants, as its owner'
  FROM relation AS r WHERE r.is_tenants
    AND NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = r.oid AND p.polname = ${name})
  UNION ALL
  SELECT 11, 'too-much', NULL, 'the function ' || f.shown || ' is not as isolateTenants made it',
    'drop it and its policies, then isolateTenants'
  FROM routine AS f WHERE f.is_proof AND NOT (f.prosecdef AND f.prosrc = $body$${provenTenantBody(own)}$body$
    AND f.proowner IN (SELECT r.relowner FROM relation AS r WHERE r.is_key))`;
}

const DEFINERS = `
  SELECT 12, 'too-much', NULL, 'the function ' || f.shown || ' runs with the rights of its owner',
    'ALTER FUNCTION ' || f.shown || ' SECURITY INVOKER'
  FROM routine AS f WHERE f.prosecdef AND NOT f.is_proof`;

/** A view reads with the rights of its owner, unless it was told otherwise. */
const VIEWS = `
  SELECT DISTINCT 13, 'too-much', NULL, 'SELECT on view ' || v.oid::regclass::text || ', which reads table ' || r.shown,
    'REVOKE ALL ON ' || v.oid::regclass::text || ' FROM %role, PUBLIC'
  FROM me, relation AS r JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid
    AND d.classid = 'pg_rewrite'::regclass
  JOIN pg_rewrite AS w ON w.oid = d.objid JOIN pg_class AS v ON v.oid = w.ev_class
  WHERE v.relkind IN ('v', 'm') AND NOT me.rolsuper AND v.oid <> r.oid AND has_any_column_privilege(me.oid, v.oid, 'SELECT')
    AND NOT coalesce(v.reloptions && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1'], false)`;

/** Whether the role sees all tenants in the tables that scans read. */
function seesAll({ record, fence }: Names): string {
  return `
  SELECT 14, 'too-little', NULL, 'sees no tenant in table ' || r.shown,
    'CREATE POLICY every_tenant ON ' || r.shown || ' FOR SELECT TO %role USING (true)'
  FROM me, relation AS r WHERE r.relname IN (${literalOf(record)}, ${literalOf(fence)}) AND r.relrowsecurity
    AND NOT (r.is_owned AND NOT r.relforcerowsecurity) AND NOT me.rolsuper AND NOT me.rolbypassrls
    AND NOT EXISTS (
      SELECT FROM pg_policy AS p WHERE p.polrelid = r.oid AND p.polpermissive AND p.polcmd IN ('*', 'r')
        AND pg_get_expr(p.polqual, p.polrelid) = 'true'
        AND (0 = ANY(p.polroles) OR EXISTS (
          SELECT FROM unnest(p.polroles) AS g (oid) WHERE g.oid <> 0 AND pg_has_role(me.oid, g.oid, 'USAGE'))))`;
}
