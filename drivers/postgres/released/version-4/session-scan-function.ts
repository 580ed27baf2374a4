import type { Names } from "../../names.js";
import { detectFences, isErased } from "./fences.js";
import { SETTINGS } from "./function-settings.js";

/**
 * Returns one page of a user's sessions that have a record, under the snapshot of the calling statement (STABLE): those of
 * the records before p_until and after (p_after_session, p_after_run, p_after_kind) in the order of identities. Each session
 * costs one seek.
 *
 * The page also ends when it has passed over p_work erased records. A row whose place is 0 says where to go on.
 */
export function sessionScanFunction(n: Names): string {
  return `
CREATE FUNCTION ${n.scanSessions1}(
  p_tenant text, p_usr text, p_until text, p_after_session text, p_after_run text, p_after_kind text,
  p_limit bigint, p_work bigint)
RETURNS TABLE (place bigint, session text, run text, kind text)
LANGUAGE plpgsql STABLE
${SETTINGS}
AS $sessions$
#variable_conflict use_column
DECLARE
  v_fenced boolean;
  v_dead boolean;
  v_passed bigint := 0;
  v_session text := p_after_session;
  v_run text := p_after_run;
  v_kind text := p_after_kind;
BEGIN
  place := 0;
  ${detectFences(n)}
  WHILE place < p_limit LOOP
    SELECT r.session, r.run, r.kind, v_fenced AND ${isErased(n, "r")} INTO session, run, kind, v_dead
    FROM ${n.record} AS r
    WHERE r.tenant = p_tenant AND r.user_id = p_usr AND r.session < p_until
      AND (r.session, r.run, r.kind) > (v_session, v_run, v_kind)
    ORDER BY r.session, r.run, r.kind LIMIT 1;
    EXIT WHEN NOT FOUND;
    IF v_dead THEN
      v_passed := v_passed + 1;
      IF v_passed >= p_work THEN
        place := 0;
        RETURN NEXT;
        RETURN;
      END IF;
      v_session := session;
      v_run := run;
      v_kind := kind;
      CONTINUE;
    END IF;
    place := place + 1;
    RETURN NEXT;
    -- No name holds a NUL, so this is the least that can follow the session.
    v_session := session || E'\\x01';
    v_run := '';
    v_kind := '';
  END LOOP;
END
$sessions$;`;
}
