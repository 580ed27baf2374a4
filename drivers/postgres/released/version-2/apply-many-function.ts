import type { Names } from "../../names.js";
import {
  CLOCK,
  forgetOldest,
  isSeen,
  LOCK_SESSIONS,
  OVERWRITING,
  replacingForgotten,
  SAVED_MEANWHILE,
} from "./apply-parts.js";
import { DURABLY, IN_TIME, SETTINGS } from "./function-settings.js";

/**
 * Applies a batch of commits of one write each by the rules of `decide`, many in one statement: that takes half the time
 * as soon as there are several.
 *
 * Those of one round see the same snapshot; one that shares a slot or an event id with an earlier commit comes in a later
 * round, and what a commit frees is free from the next round on. The rounds stand one after another, `p_until` saying where each ends, and `p_commit` whose write it is. The
 * payload of a save is `size` bytes of the body from `place` on.
 */
export function applyManyFunction(n: Names): string {
  return `
CREATE FUNCTION ${n.applyMany1}(
  p_window bigint, p_lock_timeout text, p_deadline bigint, p_until int[], p_commit int[], p_op text[],
  p_tenant text[], p_usr text[], p_session text[], p_run text[], p_kind text[],
  p_cond int[], p_want text[], p_event text[], p_fingerprint text[], p_version bigint[], p_updated_at bigint[],
  p_place int[], p_size int[], p_body bytea)
RETURNS TABLE (commit_no int, write_no int, verdict text, current_event text)
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
BEGIN
  ${DURABLY}
  ${LOCK_SESSIONS}
  ${IN_TIME}
  ${CLOCK}
  write_no := 0;

  FOREACH v_until IN ARRAY p_until LOOP
    v_expected := 0;
    v_inserted := 0;
    FOR v_row IN
      WITH judged AS MATERIALIZED (
        SELECT g.*, cur.event_id AS cur_event, coalesce(cur.id, nextval('${n.sequence}')) AS record_id,
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
          WHERE r.tenant = g.tenant AND r.usr = g.usr AND r.session = g.session AND r.run = g.run AND r.kind = g.kind
          OFFSET 0
        ) AS cur ON true
        LEFT JOIN LATERAL (
          SELECT coalesce(e.fingerprint = g.fingerprint, true) AS same FROM ${n.event} AS e
          WHERE e.tenant = g.tenant AND e.event_id = g.event_id
            AND ${isSeen(n)}
          OFFSET 0
        ) AS seen ON true
      ),
      saved AS (
        INSERT INTO ${n.record} AS r
          (tenant, usr, session, run, kind, id, event_id, version, updated_at, fingerprint, bytes)
        SELECT j.tenant, j.usr, j.session, j.run, j.kind, j.record_id, j.event_id, j.version, j.updated_at,
          j.fingerprint, substring(p_body FROM j.place FOR j.size)
        FROM judged AS j WHERE j.verdict = 'applied' AND j.op = 'save'
        ${OVERWRITING}
      ),
      deleted AS (
        DELETE FROM ${n.record} AS r USING judged AS j
        WHERE j.verdict = 'applied' AND j.op = 'delete' AND r.tenant = j.tenant AND r.usr = j.usr
          AND r.session = j.session AND r.run = j.run AND r.kind = j.kind
      ),
      remembered AS (
        INSERT INTO ${n.event} AS e (tenant, event_id, record_id, saved_at, lined_up_at, fingerprint)
        SELECT j.tenant, j.event_id, j.record_id, v_now, v_now, j.fingerprint FROM judged AS j
        WHERE j.verdict = 'applied' AND j.op = 'save' ORDER BY j.tenant, j.event_id
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

  ${forgetOldest(n)}
END
$apply$;`;
}
