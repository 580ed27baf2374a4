import type { Names } from "../../names.js";
import { sessionKey } from "./apply-parts.js";
import { DURABLY, IN_TIME, SETTINGS } from "./function-settings.js";

/** Removes a session's records under the lock its writers take; of their events the ids stay, and nothing else. */
export function eraseFunction(n: Names): string {
  return `
CREATE FUNCTION ${n.erase1}(
  p_lock_timeout text, p_deadline bigint, p_tenant text, p_usr text, p_session text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE
${SETTINGS}
AS $erase$
DECLARE
  v_count bigint;
BEGIN
  ${DURABLY}  PERFORM pg_advisory_xact_lock(${sessionKey("p_tenant", "p_usr", "p_session")});
  ${IN_TIME}
  WITH gone AS (
    DELETE FROM ${n.record} AS r WHERE r.tenant = p_tenant AND r.usr = p_usr AND r.session = p_session
    RETURNING r.event_id
  ),
  emptied AS (
    UPDATE ${n.event} AS e SET fingerprint = NULL FROM gone
    WHERE e.tenant = p_tenant AND e.event_id = gone.event_id
  )
  SELECT count(*) INTO v_count FROM gone;
  RETURN v_count;
END
$erase$;`;
}
