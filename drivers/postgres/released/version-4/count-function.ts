import type { Names } from "../../names.js";
import { detectFences, isErased } from "./fences.js";
import { SETTINGS } from "./function-settings.js";

/**
 * Counts records of one identity, under the snapshot of the calling statement (STABLE). Kinds lie in [p_from, p_until).
 * Reads the index alone unless a large erase is under way.
 */
export function countFunction(n: Names): string {
  const count = (condition: string) => `
    SELECT count(*) INTO v_count FROM (
      SELECT FROM ${n.record} AS r
      WHERE r.tenant = p_tenant AND r.user_id = p_usr AND r.session = p_session AND r.run = p_run
        AND r.kind >= p_from AND r.kind < p_until${condition}
      ORDER BY r.kind LIMIT p_limit) AS found;`;
  return `
CREATE FUNCTION ${n.count1}(
  p_tenant text, p_usr text, p_session text, p_run text, p_from text, p_until text, p_limit bigint)
RETURNS bigint
LANGUAGE plpgsql STABLE
${SETTINGS}
AS $count$
DECLARE
  v_fenced boolean;
  v_count bigint;
BEGIN
  ${detectFences(n)}
  IF v_fenced THEN${count(` AND NOT ${isErased(n, "r")}`)}
  ELSE${count("")}
  END IF;
  RETURN v_count;
END
$count$;`;
}
