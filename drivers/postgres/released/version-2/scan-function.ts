import type { Names } from "../../names.js";
import { SETTINGS } from "./function-settings.js";

/**
 * One page, under the snapshot of the statement that calls it (STABLE). Kinds lie in [p_from, p_until); places after
 * (p_from_kind, p_from_usr, p_from_session, p_from_run) in the order of kinds. Without an identity and a tenant it
 * seeks one tenant after another.
 */
export function scanFunction(n: Names): string {
  const columns =
    "r.tenant, r.usr, r.session, r.run, r.kind, r.event_id, r.version, r.updated_at, r.fingerprint, r.bytes";
  const take = `
      place := place + 1;
      v_bytes := v_bytes + length(bytes);
      RETURN NEXT;
      IF place >= p_limit OR v_bytes >= p_max_bytes THEN RETURN; END IF;`;
  const listed = (direction: string) => `
    FOR tenant, usr, session, run, kind, event_id, version, updated_at, fingerprint, bytes IN
      SELECT ${columns} FROM ${n.record} AS r
      WHERE r.tenant = p_tenant AND r.usr = p_usr AND r.session = p_session AND r.run = p_run
        AND r.kind >= p_from AND r.kind < p_until
      ORDER BY r.kind ${direction} LIMIT p_limit
    LOOP${take}
    END LOOP;`;
  return `
CREATE FUNCTION ${n.scan1}(
  p_tenant text, p_usr text, p_session text, p_run text, p_from text, p_until text, p_reverse boolean,
  p_after_tenant text, p_after_kind text, p_after_usr text, p_after_session text, p_after_run text,
  p_limit bigint, p_max_bytes bigint)
RETURNS TABLE (place bigint, tenant text, usr text, session text, run text, kind text, event_id text,
  version bigint, updated_at bigint, fingerprint text, bytes bytea)
LANGUAGE plpgsql STABLE
${SETTINGS}
AS $scan$
#variable_conflict use_column
DECLARE
  v_bytes bigint := 0;
  v_tenant text;
  v_kind text := p_from;
  v_usr text := '';
  v_session text := '';
  v_run text := '';
BEGIN
  place := 0;
  IF p_usr IS NOT NULL AND NOT p_reverse THEN${listed("ASC")}
    RETURN;
  ELSIF p_usr IS NOT NULL THEN${listed("DESC")}
    RETURN;
  END IF;

  -- Parameters have the database's collation, not that of the columns.
  v_tenant := p_tenant;
  IF p_after_tenant COLLATE "C" > p_tenant THEN
    RETURN;
  ELSIF v_tenant IS NULL THEN
    SELECT r.tenant INTO v_tenant FROM ${n.record} AS r
    WHERE r.tenant >= coalesce(p_after_tenant, '') ORDER BY r.tenant LIMIT 1;
  END IF;
  IF v_tenant = p_after_tenant AND p_after_kind COLLATE "C" >= p_from THEN
    v_kind := p_after_kind;
    v_usr := p_after_usr;
    v_session := p_after_session;
    v_run := p_after_run;
  END IF;
  WHILE v_tenant IS NOT NULL LOOP
    FOR tenant, usr, session, run, kind, event_id, version, updated_at, fingerprint, bytes IN
      SELECT ${columns} FROM ${n.record} AS r
      WHERE r.tenant = v_tenant AND r.kind < p_until
        AND (r.kind, r.usr, r.session, r.run) > (v_kind, v_usr, v_session, v_run)
      ORDER BY r.kind, r.usr, r.session, r.run LIMIT p_limit - place
    LOOP${take}
    END LOOP;
    EXIT WHEN p_tenant IS NOT NULL;
    SELECT min(r.tenant) INTO v_tenant FROM ${n.record} AS r WHERE r.tenant > v_tenant;
    v_kind := p_from;
    v_usr := '';
    v_session := '';
    v_run := '';
  END LOOP;
END
$scan$;`;
}
