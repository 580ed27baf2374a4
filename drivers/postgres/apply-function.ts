import { DURABLY, SETTINGS } from "./function-settings.js";
import type { Names } from "./names.js";

/**
 * Applies a batch by the rules of `decide`, beside the data.
 *
 * It first locks the sessions concerned, in one order everywhere, which also covers slots that hold nothing yet and
 * holds off an erase. Each round is a statement of its own and so sees a snapshot taken after those locks; commits
 * that share a slot or an event id are in different rounds. One event id saved by two sessions at once is met at the
 * unique key: whoever comes second is sent back to look again (40001).
 *
 * Of a write: `cond` 0 none, 1 must be empty, 2 must be `want`; the payload of a save stands at `place` of the body,
 * in `size` bytes. Writes stand in the order of their rounds, `p_until` saying where each
 * round ends. It answers with every write of an applied commit, one of a duplicate, and the failing one of another.
 */
export function applyFunction(n: Names): string {
  return `
CREATE FUNCTION ${n.apply}(
  p_window bigint, p_lock_timeout text, p_until int[],
  p_commit int[], p_write int[], p_op text[],
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
  PERFORM pg_advisory_xact_lock(held.key) FROM (
    SELECT DISTINCT hashtextextended(x.tenant || chr(1) || x.usr || chr(1) || x.session, 20261120) AS key
    FROM unnest(p_tenant, p_usr, p_session) AS x (tenant, usr, session)
    ORDER BY 1
  ) AS held;

  v_now := floor(extract(epoch FROM clock_timestamp()) * 1000);
  v_cut := v_now - p_window;

  FOREACH v_until IN ARRAY p_until LOOP
    v_expected := 0;
    v_inserted := 0;
    FOR v_row IN
      WITH met AS MATERIALIZED (
        SELECT g.*,
          cur.event_id AS cur_event, cur.id AS cur_id,
          seen.same IS NOT NULL AS seen, seen.same,
          (g.cond = 1 AND cur.event_id IS NOT NULL) OR (g.cond = 2 AND cur.event_id IS DISTINCT FROM g.want) AS bad
        FROM unnest(
          p_commit[v_from:v_until], p_write[v_from:v_until], p_op[v_from:v_until],
          p_tenant[v_from:v_until], p_usr[v_from:v_until], p_session[v_from:v_until], p_run[v_from:v_until],
          p_kind[v_from:v_until], p_cond[v_from:v_until], p_want[v_from:v_until], p_event[v_from:v_until],
          p_fingerprint[v_from:v_until], p_version[v_from:v_until], p_updated_at[v_from:v_until], p_place[v_from:v_until], p_size[v_from:v_until])
          AS g (commit_no, write_no, op, tenant, usr, session, run, kind, cond, want, event_id,
                fingerprint, version, updated_at, place, size)
        LEFT JOIN LATERAL (
          SELECT r.event_id, r.id FROM ${n.record} AS r
          WHERE r.tenant = g.tenant AND r.usr = g.usr AND r.session = g.session AND r.run = g.run AND r.kind = g.kind
          OFFSET 0
        ) AS cur ON true
        LEFT JOIN LATERAL (
          SELECT coalesce(e.fingerprint = g.fingerprint, true) AS same
          FROM ${n.event} AS e
          WHERE e.tenant = g.tenant AND e.event_id = g.event_id
            AND (e.saved_at > v_cut OR ${isCurrent(n)})
          OFFSET 0
        ) AS seen ON true
      ),
      judged AS MATERIALIZED (
        SELECT m.*,
          CASE
            WHEN bool_or(NOT m.same) OVER own THEN 'conflict'
            WHEN bool_or(m.seen) OVER own THEN
              CASE WHEN bool_and(m.seen) FILTER (WHERE m.op = 'save') OVER own THEN 'duplicate' ELSE 'conflict' END
            WHEN bool_or(m.bad) OVER own THEN 'condition'
            ELSE 'applied'
          END AS verdict,
          coalesce(
            min(m.write_no) FILTER (WHERE NOT m.same) OVER own,
            min(m.write_no) FILTER (WHERE m.seen) OVER own,
            min(m.write_no) FILTER (WHERE m.bad) OVER own) AS fault
        FROM met AS m WINDOW own AS (PARTITION BY m.commit_no)
      ),
      todo AS MATERIALIZED (
        SELECT j.*, coalesce(j.cur_id, nextval('${n.sequence}')) AS record_id
        FROM judged AS j WHERE j.verdict = 'applied' AND j.op <> 'check'
      ),
      saved AS (
        INSERT INTO ${n.record} AS r
          (tenant, usr, session, run, kind, id, event_id, version, updated_at, fingerprint, bytes)
        SELECT t.tenant, t.usr, t.session, t.run, t.kind, t.record_id, t.event_id, t.version, t.updated_at,
          t.fingerprint, substring(p_body FROM t.place FOR t.size)
        FROM todo AS t WHERE t.op = 'save'
        ON CONFLICT (tenant, usr, session, run, kind) DO UPDATE SET
          event_id = excluded.event_id, version = excluded.version, updated_at = excluded.updated_at,
          fingerprint = excluded.fingerprint, bytes = excluded.bytes
      ),
      deleted AS (
        DELETE FROM ${n.record} AS r USING todo AS t
        WHERE t.op = 'delete' AND r.tenant = t.tenant AND r.id = t.cur_id
      ),
      remembered AS (
        INSERT INTO ${n.event} AS e (tenant, event_id, record_id, saved_at, lined_up_at, fingerprint)
        SELECT t.tenant, t.event_id, t.record_id, v_now, v_now, t.fingerprint FROM todo AS t
        WHERE t.op = 'save' ORDER BY t.tenant, t.event_id
        ON CONFLICT (tenant, event_id) DO UPDATE SET
          record_id = excluded.record_id, saved_at = excluded.saved_at, lined_up_at = excluded.lined_up_at,
          fingerprint = excluded.fingerprint
          WHERE e.saved_at <= v_cut AND NOT ${isCurrent(n)}
        RETURNING 1
      )
      SELECT j.commit_no, j.write_no, j.verdict, j.cur_event, j.op,
        (SELECT count(*) FROM remembered) AS inserted
      FROM judged AS j
      WHERE j.verdict = 'applied' OR j.write_no = CASE j.verdict WHEN 'duplicate' THEN 0 ELSE j.fault END
    LOOP
      commit_no := v_row.commit_no;
      write_no := v_row.write_no;
      verdict := v_row.verdict;
      current_event := v_row.cur_event;
      v_inserted := v_row.inserted;
      IF verdict = 'applied' AND v_row.op = 'save' THEN v_expected := v_expected + 1; END IF;
      RETURN NEXT;
    END LOOP;
    IF v_inserted <> v_expected THEN
      RAISE EXCEPTION 'another session saved one of these event ids' USING ERRCODE = '40001';
    END IF;
    v_written := v_written + v_inserted;
    v_from := v_until + 1;
  END LOOP;

  IF v_written > 0 THEN
    WITH old AS MATERIALIZED (
      SELECT e.tenant, e.event_id, ${isCurrent(n)} AS current
      FROM ${n.event} AS e
      WHERE e.lined_up_at <= v_cut
      ORDER BY e.lined_up_at LIMIT v_written * 2
      FOR UPDATE SKIP LOCKED
    ),
    moved AS (
      UPDATE ${n.event} AS e SET lined_up_at = v_now FROM old
      WHERE old.current AND e.tenant = old.tenant AND e.event_id = old.event_id
    )
    DELETE FROM ${n.event} AS e USING old
    WHERE NOT old.current AND e.tenant = old.tenant AND e.event_id = old.event_id;
  END IF;
END
$apply$;`;
}

/**
 * Whether event e is the current one of the record it was saved in. Without OFFSET 0 the server may read all records
 * into a hash for it, when it believes that it will ask often.
 */
function isCurrent(n: Names): string {
  return `EXISTS (
    SELECT FROM ${n.record} AS r
    WHERE r.tenant = e.tenant AND r.id = e.record_id AND r.event_id = e.event_id OFFSET 0)`;
}
