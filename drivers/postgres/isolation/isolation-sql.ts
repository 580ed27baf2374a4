import { MIGRATION_LOCK } from "../migrator.js";
import type { Names } from "../names.js";
import { type IsolationNames, isolationNamesOf } from "./isolation-names.js";
import { LABEL, SETTING, SIGNATURE_LENGTH } from "./tenant-proof.js";

/**
 * The body of the function that policies ask. It runs with the rights of the tables' owner, who alone reads the keys. It fails
 * where nothing is proven: rows that are hidden without an error would look as if they were missing.
 */
export function provenTenantBody({ tenantKey }: IsolationNames): string {
  return `
DECLARE
  v_given text := pg_catalog.current_setting('${SETTING}', true);
  v_tenant text := substring(v_given FROM ${SIGNATURE_LENGTH + 1});
BEGIN
  -- An ended transaction leaves an empty setting behind.
  IF v_given <> '' THEN
    PERFORM FROM ${tenantKey} AS k
      WHERE encode(sha256(k.outer_block || sha256(k.inner_block || convert_to('${LABEL}' || v_tenant, 'UTF8'))), 'hex')
        = left(v_given, ${SIGNATURE_LENGTH});
    IF FOUND THEN RETURN v_tenant; END IF;
  END IF;
  RAISE EXCEPTION 'no tenant is proven' USING ERRCODE = 'GS002';
END
`;
}

/** Adds what is missing of the isolation to a store's tables. One statement; to be run by their owner. */
export function isolateStatement(names: Names): string {
  const own = isolationNamesOf(names);
  const { tenantKey, provenTenant, policy, tenantLine, tables } = own;
  const isTenant = `tenant = (SELECT ${provenTenant}())`;
  return `
DO $isolate$
DECLARE
  v_table text;
  v_role text;
BEGIN
  PERFORM pg_advisory_xact_lock(${MIGRATION_LOCK});
  CREATE TABLE IF NOT EXISTS ${tenantKey} (
    inner_block bytea PRIMARY KEY, outer_block bytea NOT NULL, added_at timestamptz NOT NULL DEFAULT now());
  -- Default rights may have come with the table.
  FOR v_role IN
    SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
    FROM pg_class AS c, aclexplode(c.relacl) AS a WHERE c.oid = '${tenantKey}'::regclass AND a.grantee <> c.relowner
  LOOP
    EXECUTE format('REVOKE ALL ON ${tenantKey} FROM %s', v_role);
  END LOOP;
  IF to_regprocedure('${provenTenant}()') IS NULL THEN
    CREATE FUNCTION ${provenTenant}() RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER
      SET search_path = pg_catalog, pg_temp AS $proven$${provenTenantBody(own)}$proven$;
  END IF;
  -- Each tenant forgets its own event ids, oldest first.
  CREATE INDEX IF NOT EXISTS ${tenantLine} ON ${names.event} (tenant, lined_up_at);
  FOREACH v_table IN ARRAY ARRAY[${tables.map((table) => `'${table}'`).join(", ")}] LOOP
    IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = v_table::regclass AND polname = '${policy.slice(1, -1)}') THEN
      EXECUTE format('CREATE POLICY ${policy} ON %s USING (${isTenant}) WITH CHECK (${isTenant})', v_table);
    END IF;
    IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = v_table::regclass) THEN
      EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', v_table);
    END IF;
  END LOOP;
END
$isolate$`;
}

/** Adds a key. Its two blocks are parameters, which servers log less often than a statement's text. */
export function addKeyStatement(names: Names): string {
  return `INSERT INTO ${isolationNamesOf(names).tenantKey} (inner_block, outer_block)
    VALUES ($1::text::bytea, $2::text::bytea) ON CONFLICT (inner_block) DO NOTHING RETURNING 1 AS added`;
}
