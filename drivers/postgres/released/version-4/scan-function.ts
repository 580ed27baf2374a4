import type { Names } from "../../names.js";
import { detectFences, isErased } from "./fences.js";
import { SETTINGS } from "./function-settings.js";

/**
 * Returns one page, under the snapshot of the calling statement (STABLE). Kinds lie in [p_from, p_until), and slots after
 * (p_after_kind, p_after_usr, p_after_session, p_after_run) in the order of kinds. Without an identity and a tenant it
 * seeks one tenant after another.
 *
 * The page also ends when it has sought `p_work` tenants or passed over as many erased records. A row whose place is 0
 * says where to go on.
 */
export function scanFunction(n: Names): string {
  const columns =
    "r.tenant, r.user_id, r.session, r.run, r.kind, r.event_id, r.version, r.updated_at, r.fingerprint, r.bytes";
  const dead = `(v_fenced AND ${isErased(n, "r")})`;
  /** Erased records come on top of the limit, when there are any. */
  const most = `p_limit - place + CASE WHEN v_fenced THEN p_work ELSE 0 END`;
  const take = `
      IF v_dead THEN
        v_passed := v_passed + 1;
        CONTINUE WHEN v_passed < p_work;
        place := 0;
        bytes := NULL;
        RETURN NEXT;
        RETURN;
      END IF;
      place := place + 1;
      v_bytes := v_bytes + length(bytes);
      RETURN NEXT;
      IF place >= p_limit OR v_bytes >= p_max_bytes THEN RETURN; END IF;`;
  const listed = (direction: string) => `
    FOR tenant, user_id, session, run, kind, event_id, version, updated_at, fingerprint, bytes, v_dead IN
      SELECT ${columns}, ${dead} FROM ${n.record} AS r
      WHERE r.tenant = p_tenant AND r.user_id = p_usr AND r.session = p_session AND r.run = p_run
        AND r.kind >= p_from AND r.kind < p_until
      ORDER BY r.kind ${direction} LIMIT ${most}
    LOOP${take}
    END LOOP;`;
  return `
CREATE FUNCTION ${n.scan3}(
  p_tenant text, p_usr text, p_session text, p_run text, p_from text, p_until text, p_reverse boolean,
  p_after_tenant text, p_after_kind text, p_after_usr text, p_after_session text, p_after_run text,
  p_limit bigint, p_max_bytes bigint, p_work bigint)
RETURNS TABLE (place bigint, tenant text, user_id text, session text, run text, kind text, event_id text,
  version bigint, updated_at bigint, fingerprint text, bytes bytea)
LANGUAGE plpgsql STABLE
${SETTINGS}
AS $scan$
#variable_conflict use_column
DECLARE
  v_bytes bigint := 0;
  v_fenced boolean;
  v_dead boolean;
  v_passed bigint := 0;
  v_sought bigint := 0;
  v_tenant text;
  v_kind text := p_from;
  v_usr text := '';
  v_session text := '';
  v_run text := '';
BEGIN
  place := 0;
  ${detectFences(n)}
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
    IF v_sought >= p_work THEN
      place := 0;
      tenant := v_tenant;
      kind := '';
      user_id := '';
      session := '';
      run := '';
      bytes := NULL;
      RETURN NEXT;
      RETURN;
    END IF;
    v_sought := v_sought + 1;
    FOR tenant, user_id, session, run, kind, event_id, version, updated_at, fingerprint, bytes, v_dead IN
      SELECT ${columns}, ${dead} FROM ${n.record} AS r
      WHERE r.tenant = v_tenant AND r.kind < p_until
        AND (r.kind, r.user_id, r.session, r.run) > (v_kind, v_usr, v_session, v_run)
      ORDER BY r.kind, r.user_id, r.session, r.run LIMIT ${most}
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
