import {
  CHECK_BODY_SIZE,
  CLOCK,
  isSame,
  isSeen,
  OVERWRITING,
  replacingForgotten,
  SAVED_MEANWHILE,
} from "./apply-parts.js";
import { holdEvents, releaseEvents } from "./event-order.js";
import { forgetOldest } from "./expiry-queue.js";
import { detectFences, removeErased, sweepAbandoned } from "./fences.js";
import { BEGIN_WRITE, CHECK_DEADLINE, SETTINGS } from "./function-settings.js";
import type { Names } from "./names.js";
import { DECLARE_LOCKS, lockSessions } from "./session-locks.js";

/**
 * Applies a batch of commits with one write each by the rules of `decide`, many per statement: this takes half the time
 * of the other function as soon as there are several.
 *
 * The commits of one round see the same snapshot. A commit that shares a slot or an event id with an earlier one comes in
 * a later round; it can use a slot or event id that an earlier round freed. The rounds follow one another: `p_until` holds
 * the end of each, and `p_commit` the commit of each write. The payload of a save is `size` bytes of the body from `place`
 * on. No write is an erase. If another connection holds a lock of a session, the function does nothing and answers
 * `locked`; the other function then finds out which commits that affects.
 */
export function applyManyFunction(n: Names): string {
  return `
CREATE FUNCTION ${n.applyMany}(
  p_window bigint, p_patience bigint, p_lock_timeout text, p_deadline bigint, p_low bigint, p_ascending int,
  p_until int[], p_commit int[], p_op text[],
  p_tenant text[], p_usr text[], p_session text[], p_run text[], p_kind text[],
  p_cond int[], p_want text[], p_event text[], p_fingerprint text[], p_version bigint[], p_updated_at bigint[],
  p_place int[], p_size int[], p_body bytea)
RETURNS TABLE (commit_no int, write_no int, verdict text, current_event text, erased bigint, remains boolean)
LANGUAGE plpgsql VOLATILE
${SETTINGS}
AS $apply$
#variable_conflict use_column
DECLARE
  v_now bigint;
  v_cut bigint;
  v_from int := 1;
  v_until int;
  v_row record;
  v_expected bigint;
  v_inserted bigint;
  v_written bigint := 0;
  v_low bigint;
  v_head bigint;
  v_count bigint;
  v_fenced boolean;
  ${DECLARE_LOCKS}
BEGIN
  ${CHECK_BODY_SIZE}
  ${BEGIN_WRITE}
  ${lockSessions(n)}
  ${CHECK_DEADLINE}
  IF cardinality(a_locked) > 0 THEN
    commit_no := -1;
    verdict := 'locked';
    RETURN NEXT;
    RETURN;
  END IF;
  ${CLOCK}
  ${holdEvents(n)}
  ${detectFences(n)}
  IF v_fenced THEN
    ${removeErased(n)}
  END IF;
  write_no := 0;

  FOREACH v_until IN ARRAY p_until LOOP
    v_expected := 0;
    v_inserted := 0;
    FOR v_row IN
      WITH judged AS MATERIALIZED (
        SELECT g.*, cur.event_id AS cur_event, coalesce(fence.generation, 0) AS generation,
          coalesce(cur.id, nextval('${n.sequence}')) AS record_id,
          CASE
            WHEN NOT seen.same THEN 'conflict'
            WHEN seen.same THEN 'duplicate'
            WHEN g.cond <> 0 AND cur.event_id IS DISTINCT FROM g.want THEN 'condition'
            ELSE 'applied'
          END AS verdict
        FROM unnest(
          p_commit[v_from:v_until], p_op[v_from:v_until],
          p_tenant[v_from:v_until], p_usr[v_from:v_until], p_session[v_from:v_until], p_run[v_from:v_until],
          p_kind[v_from:v_until], p_cond[v_from:v_until], p_want[v_from:v_until], p_event[v_from:v_until],
          p_fingerprint[v_from:v_until], p_version[v_from:v_until], p_updated_at[v_from:v_until],
          p_place[v_from:v_until], p_size[v_from:v_until])
          AS g (commit_no, op, tenant, usr, session, run, kind, cond, want, event_id, fingerprint, version, updated_at,
                place, size)
        LEFT JOIN LATERAL (
          SELECT r.event_id, r.id FROM ${n.record} AS r
          WHERE r.tenant = g.tenant AND r.user_id = g.usr AND r.session = g.session AND r.run = g.run AND r.kind = g.kind
          OFFSET 0
        ) AS cur ON true
        LEFT JOIN LATERAL (
          SELECT f.generation FROM ${n.fence} AS f
          WHERE v_fenced AND f.tenant = g.tenant AND f.user_id = g.usr AND f.session = g.session
          OFFSET 0
        ) AS fence ON true
        LEFT JOIN LATERAL (
          SELECT ${isSame(n, "g.fingerprint")} AS same FROM ${n.event} AS e
          WHERE e.tenant = g.tenant AND e.event_id = g.event_id
            AND ${isSeen(n)}
          OFFSET 0
        ) AS seen ON true
      ),
      saved AS (
        INSERT INTO ${n.record} AS r
          (tenant, user_id, session, run, kind, id, event_id, version, updated_at, fingerprint, bytes, generation)
        SELECT j.tenant, j.usr, j.session, j.run, j.kind, j.record_id, j.event_id, j.version, j.updated_at,
          j.fingerprint, substring(p_body FROM j.place FOR j.size), j.generation
        FROM judged AS j WHERE j.verdict = 'applied' AND j.op = 'save'
        ${OVERWRITING}
      ),
      deleted AS (
        DELETE FROM ${n.record} AS r USING judged AS j
        WHERE j.verdict = 'applied' AND j.op = 'delete' AND r.tenant = j.tenant AND r.user_id = j.usr
          AND r.session = j.session AND r.run = j.run AND r.kind = j.kind
      ),
      remembered AS (
        INSERT INTO ${n.event} AS e (tenant, event_id, record_id, saved_at, lined_up_at, fingerprint)
        SELECT j.tenant, j.event_id, j.record_id, v_now, v_now, j.fingerprint FROM judged AS j
        WHERE j.verdict = 'applied' AND j.op = 'save' ORDER BY j.event_id COLLATE "C", j.tenant COLLATE "C"
        ${replacingForgotten(n)}
        RETURNING 1
      )
      SELECT j.commit_no, j.verdict, j.cur_event, j.op, (SELECT count(*) FROM remembered) AS inserted
      FROM judged AS j
    LOOP
      commit_no := v_row.commit_no;
      verdict := v_row.verdict;
      current_event := v_row.cur_event;
      v_inserted := v_row.inserted;
      IF verdict = 'applied' AND v_row.op = 'save' THEN v_expected := v_expected + 1; END IF;
      RETURN NEXT;
    END LOOP;
    IF v_inserted <> v_expected THEN
      ${SAVED_MEANWHILE}
    END IF;
    v_written := v_written + v_inserted;
    v_from := v_until + 1;
  END LOOP;

  ${releaseEvents(n)}
  ${sweepAbandoned(n)}
  ${forgetOldest(n)}
END
$apply$;`;
}
