import type { Names } from "../../names.js";
import { clearFingerprints } from "./fences.js";
import { BEGIN_WRITE, CHECK_DEADLINE, SETTINGS } from "./function-settings.js";
import { sessionKey } from "./session-locks.js";

/**
 * Goes on with the large erase of a session: examines the next \`p_most\` records and removes the erased ones. After the
 * last one it removes the fence, and no row names the session any more. The fence remembers how far sweeps have come, so
 * that they need not scan removed rows again; records before that position cannot become erased again. \`uncounted\` holds
 * the number of records that batches removed meanwhile, which the erase's caller is told too.
 */
export function sweepFunction(n: Names): string {
  const own = (row: string) =>
    `${row}.tenant = p_tenant AND ${row}.user_id = p_usr AND ${row}.session = p_session`;
  return `
CREATE FUNCTION ${n.sweep1}(
  p_lock_timeout text, p_deadline bigint, p_tenant text, p_usr text, p_session text, p_most bigint, p_counts int)
RETURNS TABLE (removed bigint, more boolean)
LANGUAGE plpgsql VOLATILE
${SETTINGS}
AS $sweep$
DECLARE
  v_generation bigint;
  v_run text;
  v_kind text;
  v_found bigint;
  v_uncounted bigint;
BEGIN
  ${BEGIN_WRITE}  PERFORM pg_advisory_xact_lock(${sessionKey(n, "p_tenant", "p_usr", "p_session")});
  ${CHECK_DEADLINE}
  removed := 0;
  more := true;
  SELECT f.generation, f.swept_run, f.swept_kind, f.uncounted INTO v_generation, v_run, v_kind, v_uncounted
    FROM ${n.erasure} AS f WHERE ${own("f")};
  IF NOT FOUND THEN
    more := false;
  END IF;
  WHILE more AND removed = 0 LOOP
    WITH piece AS MATERIALIZED (
      SELECT r.ctid AS place, r.run, r.kind, r.generation FROM ${n.record} AS r
      WHERE ${own("r")} AND (r.run, r.kind) > (v_run, v_kind) ORDER BY r.run, r.kind LIMIT p_most
    ),
    gone AS (
      DELETE FROM ${n.record} AS r
      WHERE r.ctid = ANY (ARRAY(SELECT p.place FROM piece AS p WHERE p.generation < v_generation))
      RETURNING r.tenant, r.id, r.event_id
    ),
    ${clearFingerprints(n)}
    SELECT last.run, last.kind, (SELECT count(*) FROM gone), (SELECT count(*) FROM piece)
      INTO v_run, v_kind, removed, v_found
      FROM piece AS last ORDER BY last.run DESC, last.kind DESC LIMIT 1;
    more := coalesce(v_found, 0) >= p_most;
  END LOOP;
  removed := coalesce(removed, 0);
  IF NOT more THEN
    DELETE FROM ${n.erasure} AS f WHERE ${own("f")};
  ELSIF p_counts = 0 THEN
    UPDATE ${n.erasure} AS f SET swept_run = v_run, swept_kind = v_kind, uncounted = f.uncounted + removed
      WHERE ${own("f")};
  ELSE
    UPDATE ${n.erasure} AS f SET swept_run = v_run, swept_kind = v_kind, uncounted = 0,
      touched_at = floor(extract(epoch FROM clock_timestamp()) * 1000)
      WHERE ${own("f")};
  END IF;
  removed := removed + coalesce(v_uncounted, 0);
  RETURN NEXT;
END
$sweep$;`;
}
