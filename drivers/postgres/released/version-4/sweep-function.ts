import type { Names } from "../../names.js";
import { clearFingerprints } from "./fences.js";
import { BEGIN_WRITE, CHECK_DEADLINE, SETTINGS } from "./function-settings.js";
import { sessionKey } from "./session-locks.js";

/**
 * Goes on with a large erase in a range of slots, the one that was left alone for the longest: examines the next \`p_most\`
 * records of its fence and removes the erased ones. After the last one it removes the fence, and no row names the session
 * any more. The fence remembers how far sweeps have come, so that they need not scan removed rows again; records before that
 * position cannot become erased again. \`uncounted\` holds the number of records that batches removed meanwhile, which the
 * erase's caller is told too.
 */
export function sweepFunction(n: Names): string {
  const ofSession = (row: string) =>
    `${row}.tenant = p_tenant AND ${row}.user_id = p_usr AND ${row}.session = p_session`;
  const within = `${ofSession("f")} AND (f.from_run, f.from_kind) < (p_until_run, p_until_kind)
      AND (f.until_run, f.until_kind) > (p_from_run, p_from_kind)`;
  const own = `${ofSession("f")} AND f.from_run = v_fence.from_run AND f.from_kind = v_fence.from_kind
      AND f.until_run = v_fence.until_run`;
  return `
CREATE FUNCTION ${n.sweep2}(
  p_lock_timeout text, p_deadline bigint, p_tenant text, p_usr text, p_session text,
  p_from_run text, p_from_kind text, p_until_run text, p_until_kind text, p_most bigint, p_counts int)
RETURNS TABLE (removed bigint, more boolean)
LANGUAGE plpgsql VOLATILE
${SETTINGS}
AS $sweep$
DECLARE
  v_fence record;
  v_run text;
  v_kind text;
  v_found bigint;
BEGIN
  ${BEGIN_WRITE}  PERFORM pg_advisory_xact_lock(${sessionKey(n, "p_tenant", "p_usr", "p_session")});
  ${CHECK_DEADLINE}
  removed := 0;
  more := false;
  SELECT f.* INTO v_fence FROM ${n.fence1} AS f WHERE ${within} ORDER BY f.touched_at LIMIT 1;
  IF NOT FOUND THEN
    RETURN NEXT;
    RETURN;
  END IF;
  v_run := v_fence.next_run;
  v_kind := v_fence.next_kind;
  more := true;
  WHILE more AND removed = 0 LOOP
    WITH piece AS MATERIALIZED (
      SELECT r.ctid AS place, r.run, r.kind, r.generation FROM ${n.record} AS r
      WHERE ${ofSession("r")} AND (r.run, r.kind) >= (v_run, v_kind)
        AND (r.run, r.kind) < (v_fence.until_run, v_fence.until_kind)
      ORDER BY r.run, r.kind LIMIT p_most
    ),
    gone AS (
      DELETE FROM ${n.record} AS r
      WHERE r.ctid = ANY (ARRAY(SELECT p.place FROM piece AS p WHERE p.generation < v_fence.generation))
      RETURNING r.tenant, r.id, r.event_id
    ),
    ${clearFingerprints(n)}
    SELECT last.run, last.kind || chr(1), (SELECT count(*) FROM gone), (SELECT count(*) FROM piece)
      INTO v_run, v_kind, removed, v_found
      FROM piece AS last ORDER BY last.run DESC, last.kind DESC LIMIT 1;
    more := coalesce(v_found, 0) >= p_most;
  END LOOP;
  removed := coalesce(removed, 0);
  IF NOT more THEN
    DELETE FROM ${n.fence1} AS f WHERE ${own};
  ELSIF p_counts = 0 THEN
    UPDATE ${n.fence1} AS f SET next_run = v_run, next_kind = v_kind, uncounted = f.uncounted + removed
      WHERE ${own};
  ELSE
    UPDATE ${n.fence1} AS f SET next_run = v_run, next_kind = v_kind, uncounted = 0,
      touched_at = floor(extract(epoch FROM clock_timestamp()) * 1000)
      WHERE ${own};
  END IF;
  removed := removed + v_fence.uncounted;
  more := EXISTS (SELECT FROM ${n.fence1} AS f WHERE ${within});
  RETURN NEXT;
END
$sweep$;`;
}
