import type { Names } from "../../names.js";
import {
  CHECK_BODY_SIZE,
  CLOCK,
  isSame,
  isSeen,
  OVERWRITING,
  replacingForgotten,
  SAVED_MEANWHILE,
} from "./apply-parts.js";
import { eventFingerprint, eventKey } from "./event-key.js";
import { NEVER, releaseEvents } from "./event-order.js";
import { forgetOldest } from "./expiry-queue.js";
import { detectFences, removeErased, sweepAbandoned } from "./fences.js";
import { BEGIN_WRITE, CHECK_DEADLINE, SETTINGS } from "./function-settings.js";
import { DECLARE_LOCKS, lockSessions } from "./session-locks.js";

/** What became of a write, in the answer's `verdicts`: one letter for each. */
export const LETTER = {
  /** Of a commit that was applied: its slot was empty. */
  applied: "a",
  /** The same, and its slot held a record. */
  replaced: "r",
  /** Of a commit that was seen before. */
  duplicate: "d",
  /** The write for which its commit was refused. */
  conflict: "c",
  condition: "w",
  /** Another write of a commit that was refused. */
  refused: "-",
} as const;

/**
 * Applies a batch of commits by the rules of `decide`, many per statement: this takes half the time of the other function
 * as soon as there are several writes.
 *
 * The commits of one round see the same snapshot. A commit that shares a slot or an event id with an earlier one comes in
 * a later round; it can use a slot or event id that an earlier round freed. The rounds follow one another: `p_until` holds
 * the last write of each. `p_commit` numbers the commits without gaps: the writes of a commit are neighbours. The payload of
 * a save is `size` bytes of the body from `place` on. No write is an erase.
 *
 * `p_held` are the event ids of later rounds. Two batches that save the same new ids in
 * opposite order would wait for each other, so the first round saves its ids and inserts placeholders for these in one
 * ascending order.
 *
 * The answer has one letter per write, and the current events of the writes whose condition failed. If another connection
 * holds a lock of a session, the function does nothing and answers without letters; the other function then finds out which
 * commits that affects.
 */
export function applyManyFunction(n: Names): string {
  return `
CREATE FUNCTION ${n.applyMany3}(
  p_window bigint, p_patience bigint, p_lock_timeout text, p_deadline bigint, p_low bigint,
  p_held_tenant text[], p_held_event text[], p_until int[], p_commit int[], p_op text[],
  p_tenant text[], p_usr text[], p_session text[], p_run text[], p_kind text[],
  p_cond int[], p_want text[], p_event text[], p_fingerprint text[], p_version bigint[], p_updated_at bigint[],
  p_place int[], p_size int[], p_body bytea,
  OUT verdicts text, OUT currents text, OUT queue_head bigint)
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
  v_alone boolean;
  a_held_tenant text[] := p_held_tenant;
  a_held_event text[] := p_held_event;
  v_letters text := '';
  a_currents text[] := '{}';
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
  IF cardinality(a_locked) > 0 THEN RETURN; END IF;
  ${CLOCK}
  ${detectFences(n)}
  IF v_fenced THEN
    ${removeErased(n)}
  END IF;

  FOREACH v_until IN ARRAY p_until LOOP
    v_alone := p_commit[v_until] - p_commit[v_from] = v_until - v_from;
    IF v_alone THEN
      ${applyRound(n, FAULT_OF_ONE)}
    ELSE
      ${applyRound(n, FAULT_OF_SEVERAL, "WINDOW whole AS (PARTITION BY l.commit_no)")}
    END IF;
    IF v_row.inserted <> v_row.saved THEN
      ${SAVED_MEANWHILE}
    END IF;
    v_letters := v_letters || v_row.letters;
    a_currents := a_currents || v_row.currents;
    v_written := v_written + v_row.saved;
    v_from := v_until + 1;
    a_held_tenant := '{}';
    a_held_event := '{}';
  END LOOP;

  IF cardinality(p_held_event) > 0 THEN
    ${releaseEvents(n, "p_held_tenant", "p_held_event")}
  END IF;
  ${sweepAbandoned(n)}
  ${forgetOldest(n)}
  verdicts := v_letters;
  currents := to_json(a_currents)::text;
  queue_head := v_head;
END
$apply$;`;
}

const FAILS = "l.cond <> 0 AND l.cur_event IS DISTINCT FROM l.want";

/**
 * Why the commit of write l is not applied: 0 if it is, -1 for a duplicate, or twice the place of the write for which it is
 * refused, plus one if that is for its condition.
 */
const FAULT_OF_ONE = `CASE WHEN NOT l.same THEN 2 * l.place WHEN l.same THEN -1
            WHEN ${FAILS} THEN 2 * l.place + 1 ELSE 0 END`;

/** The same for a commit of several writes. */
const FAULT_OF_SEVERAL = `coalesce(
            2 * min(l.place) FILTER (WHERE NOT l.same) OVER whole,
            CASE WHEN bool_or(l.same) OVER whole THEN
              CASE WHEN count(*) FILTER (WHERE l.op = 'save' AND l.same IS NULL) OVER whole = 0 THEN -1
                ELSE 2 * min(l.place) FILTER (WHERE l.same) OVER whole END END,
            2 * min(l.place) FILTER (WHERE ${FAILS}) OVER whole + 1,
            0)`;

/** Applies the writes from v_from to v_until. */
function applyRound(n: Names, fault: string, window = ""): string {
  const own = (column: string) => `p_${column}[v_from:v_until]`;
  const columns = [
    ...["commit", "op", "tenant", "usr", "session", "run", "kind", "cond", "want", "event", "fingerprint"],
    ...["version", "updated_at", "place", "size"],
  ];
  return `WITH judged AS MATERIALIZED (
        SELECT l.*, ${fault} AS fault
        FROM (
          SELECT g.*, own.event_key, cur.event_id AS cur_event, coalesce(fence.generation, 0) AS generation,
            CASE WHEN g.op = 'save' THEN coalesce(cur.id, nextval('${n.sequence}')) END AS record_id, seen.same
          FROM unnest(${columns.map(own).join(", ")})
            WITH ORDINALITY
            AS g (commit_no, op, tenant, usr, session, run, kind, cond, want, event_id, fingerprint, version, updated_at,
                  first_byte, size, place)
          CROSS JOIN LATERAL (SELECT ${eventKey("g.event_id")} AS event_key OFFSET 0) AS own
          LEFT JOIN LATERAL (
            SELECT r.event_id, r.id FROM ${n.record} AS r
            WHERE r.tenant = g.tenant AND r.user_id = g.usr AND r.session = g.session AND r.run = g.run AND r.kind = g.kind
            OFFSET 0
          ) AS cur ON true
          LEFT JOIN LATERAL (
            SELECT max(f.generation) AS generation FROM ${n.fence1} AS f
            WHERE v_fenced AND f.tenant = g.tenant AND f.user_id = g.usr AND f.session = g.session
            OFFSET 0
          ) AS fence ON true
          LEFT JOIN LATERAL (
            SELECT ${isSame(n, "g.fingerprint")} AS same FROM ${n.event} AS e
            WHERE e.tenant = g.tenant AND e.event_key = own.event_key
              AND ${isSeen(n)}
            OFFSET 0
          ) AS seen ON true
        ) AS l ${window}
      ),
      saved AS (
        INSERT INTO ${n.record} AS r
          (tenant, user_id, session, run, kind, id, event_id, version, updated_at, fingerprint, bytes, generation)
        SELECT j.tenant, j.usr, j.session, j.run, j.kind, j.record_id, j.event_id, j.version, j.updated_at,
          j.fingerprint, substring(p_body FROM j.first_byte FOR j.size), j.generation
        FROM judged AS j WHERE j.fault = 0 AND j.op = 'save'
        ${OVERWRITING}
      ),
      deleted AS (
        DELETE FROM ${n.record} AS r USING judged AS j
        WHERE j.fault = 0 AND j.op = 'delete' AND r.tenant = j.tenant AND r.user_id = j.usr
          AND r.session = j.session AND r.run = j.run AND r.kind = j.kind
      ),
      remembered AS (
        INSERT INTO ${n.event} AS e (saved_at, lined_up_at, record_id, event_key, tenant, fingerprint)
        SELECT DISTINCT ON (x.event_id COLLATE "C", x.tenant COLLATE "C")
          x.saved_at, v_now, x.record_id, x.event_key, x.tenant, x.fingerprint
        FROM (
          SELECT j.tenant, j.event_id, j.event_key, j.record_id, v_now AS saved_at,
            ${eventFingerprint("j.fingerprint")} AS fingerprint
          FROM judged AS j
          WHERE j.fault = 0 AND j.op = 'save'
          UNION ALL
          SELECT h.tenant, h.event_id, ${eventKey("h.event_id")}, 0, ${NEVER}, NULL
          FROM unnest(a_held_tenant, a_held_event) AS h (tenant, event_id)
        ) AS x ORDER BY x.event_id COLLATE "C", x.tenant COLLATE "C", x.saved_at DESC
        ${replacingForgotten(n)} AND excluded.saved_at > ${NEVER}
        RETURNING e.saved_at
      )
      SELECT string_agg(CASE
          WHEN j.fault = 0 THEN CASE WHEN j.cur_event IS NULL THEN '${LETTER.applied}' ELSE '${LETTER.replaced}' END
          WHEN j.fault = -1 THEN '${LETTER.duplicate}'
          WHEN j.fault = 2 * j.place THEN '${LETTER.conflict}'
          WHEN j.fault = 2 * j.place + 1 THEN '${LETTER.condition}'
          ELSE '${LETTER.refused}' END, '' ORDER BY j.place) AS letters,
        array_agg(j.cur_event ORDER BY j.place) FILTER (WHERE j.fault = 2 * j.place + 1) AS currents,
        count(*) FILTER (WHERE j.fault = 0 AND j.op = 'save') AS saved,
        (SELECT count(*) FROM remembered AS m WHERE m.saved_at > ${NEVER}) AS inserted
        INTO v_row FROM judged AS j;`;
}
