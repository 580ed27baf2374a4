import type { Names } from "../../names.js";
import { endOfErase } from "./erase-range.js";
import { eventKey } from "./event-key.js";
import { sessionKey } from "./session-locks.js";

/** After this time without a sweep, batches go on with a large erase, in milliseconds. */
const ABANDONED_MS = 60_000;

/** Records of an abandoned erase that a batch removes. */
const MAX_SWEPT_PER_BATCH = 200;

/** Whether the slots of the fence include this one. */
function covers(fence: string, row: string): string {
  return `(${row}.run, ${row}.kind) >= (${fence}.from_run, ${fence}.from_kind)
      AND (${row}.run, ${row}.kind) < (${fence}.until_run, ${fence}.until_kind)`;
}

/** Whether a large erase covers this record, which is not removed yet. It must be invisible, and nothing may depend on it. */
export function isErased(n: Names, record: string): string {
  return `EXISTS (
    SELECT FROM ${n.fence1} AS f
    WHERE f.tenant = ${record}.tenant AND f.user_id = ${record}.user_id AND f.session = ${record}.session
      AND f.generation > ${record}.generation AND ${covers("f", record)} OFFSET 0)`;
}

/** The same, but first asks once whether there is any fence: usually there is none. */
export function isFencedOff(n: Names, record: string): string {
  const first = `SELECT true FROM ${n.fence1} ORDER BY tenant, user_id, session LIMIT 1`;
  return `((${first}) IS TRUE AND ${isErased(n, record)})`;
}

/** Sets v_fenced: whether there is any fence. Usually there is none, which saves a check per record. */
export function detectFences(n: Names): string {
  return `v_fenced := EXISTS (SELECT FROM ${n.fence1});`;
}

/**
 * Keeps the event ids of the records in \`gone\`, but clears their fingerprints, which could confirm a guess about the
 * erased content. Locks event rows out of order: to avoid a deadlock it does not wait for a lock, and the batch is retried.
 */
export function clearFingerprints(n: Names): string {
  return `held AS MATERIALIZED (
      SELECT e.tenant, e.event_key FROM gone
      JOIN ${n.event} AS e ON e.tenant = gone.tenant AND e.event_key = ${eventKey("gone.event_id")} AND e.record_id = gone.id
      FOR UPDATE OF e NOWAIT
    ),
    emptied AS (
      UPDATE ${n.event} AS e SET fingerprint = NULL FROM held
      WHERE e.tenant = held.tenant AND e.event_key = held.event_key
    )`;
}

/** Removes erased records from the slots of a batch, so that the batch neither reads nor overwrites one. */
export function removeErased(n: Names): string {
  return `WITH gone AS (
      DELETE FROM ${n.record} AS r
      USING unnest(p_tenant, p_usr, p_session, p_run, p_kind) AS x (tenant, usr, session, run, kind)
      WHERE r.tenant = x.tenant AND r.user_id = x.usr AND r.session = x.session AND r.run = x.run
        AND r.kind = x.kind AND ${isErased(n, "r")}
      RETURNING r.tenant, r.user_id, r.session, r.run, r.kind, r.id, r.event_id, r.generation
    ),
    ${clearFingerprints(n)},
    counted AS (
      UPDATE ${n.fence1} AS f SET uncounted = f.uncounted + c.removed
      FROM (
        SELECT first.place, count(*) AS removed FROM gone AS g
        JOIN LATERAL (
          SELECT h.ctid AS place FROM ${n.fence1} AS h
          WHERE h.tenant = g.tenant AND h.user_id = g.user_id AND h.session = g.session
            AND h.generation > g.generation AND ${covers("h", "g")}
          LIMIT 1
        ) AS first ON true
        GROUP BY 1
      ) AS c
      WHERE f.ctid = c.place
    )
    SELECT count(*) INTO v_count FROM gone;`;
}

/**
 * Erases what write i is about: removes at most \`v_room\` records at once. If there are more, or an earlier erase has left
 * some, it puts up a fence: every record of the range with a lower generation than the fence's counts as erased. The fence's
 * generation is one above the highest of the session's records, so it needs no counter that a restore could lose. It takes
 * the place of the fences whose range it covers.
 */
export function erase(n: Names): string {
  const end = endOfErase("a_op[i]", "a_run[i]", "a_kind[i]");
  const ofSession = (row: string) =>
    `${row}.tenant = a_tenant[i] AND ${row}.user_id = a_usr[i] AND ${row}.session = a_session[i]`;
  const inRange = (row: string) => `${ofSession(row)}
            AND (${row}.run, ${row}.kind) >= (a_run[i], a_kind[i]) AND (${row}.run, ${row}.kind) < (v_until_run, v_until_kind)`;
  return `erased := 0;
        v_until_run := ${end.run};
        v_until_kind := ${end.kind};
        PERFORM FROM ${n.fence1} AS f WHERE v_fenced AND ${ofSession("f")}
          AND (f.from_run, f.from_kind) < (v_until_run, v_until_kind) AND (f.until_run, f.until_kind) > (a_run[i], a_kind[i]);
        remains := FOUND;
        IF NOT remains THEN
          PERFORM FROM ${n.record} AS r WHERE ${inRange("r")} ORDER BY r.run, r.kind OFFSET v_room LIMIT 1;
          remains := FOUND;
          WITH gone AS (
            DELETE FROM ${n.record} AS r WHERE r.ctid = ANY (ARRAY(
              SELECT q.ctid FROM ${n.record} AS q WHERE ${inRange("q")} ORDER BY q.run, q.kind LIMIT v_room))
            RETURNING r.tenant, r.id, r.event_id
          ),
          ${clearFingerprints(n)}
          SELECT count(*) INTO erased FROM gone;
          v_room := v_room - erased;
        END IF;
        IF remains THEN
          SELECT coalesce(max(r.generation), 0) INTO v_newest FROM ${n.record} AS r
            WHERE ${ofSession("r")} AND r.generation > 0;
          -- Nothing to do when a fence covers all of it, and nothing was saved since.
          PERFORM FROM ${n.fence1} AS f WHERE ${ofSession("f")} AND f.generation > v_newest
            AND (f.from_run, f.from_kind) <= (a_run[i], a_kind[i]) AND (f.until_run, f.until_kind) >= (v_until_run, v_until_kind);
          IF NOT FOUND THEN
            WITH covered AS (
              DELETE FROM ${n.fence1} AS f WHERE ${ofSession("f")} AND (f.from_run, f.from_kind) >= (a_run[i], a_kind[i])
                AND (f.until_run, f.until_kind) <= (v_until_run, v_until_kind)
              RETURNING f.uncounted
            )
            SELECT coalesce(sum(c.uncounted), 0) INTO v_count FROM covered AS c;
            INSERT INTO ${n.fence1} (tenant, user_id, session, from_run, from_kind, until_run, until_kind,
              generation, touched_at, next_run, next_kind, uncounted)
            VALUES (a_tenant[i], a_usr[i], a_session[i], a_run[i], a_kind[i], v_until_run, v_until_kind,
              v_newest + 1, v_now, a_run[i], a_kind[i], v_count);
          END IF;
          v_fenced := true;
          ${removeErased(n)}
        END IF;`;
}

/** Goes on with a large erase whose process ended. */
export function sweepAbandoned(n: Names): string {
  return `IF v_fenced THEN
    SELECT f.* INTO v_row FROM ${n.fence1} AS f
      WHERE abs(v_now - f.touched_at) > ${ABANDONED_MS} ORDER BY f.touched_at LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF FOUND AND pg_try_advisory_xact_lock(${sessionKey(n, "v_row.tenant", "v_row.user_id", "v_row.session")}) THEN
      BEGIN
        PERFORM FROM ${n.sweep2}(
          p_lock_timeout, p_deadline, v_row.tenant, v_row.user_id, v_row.session, v_row.from_run, v_row.from_kind,
          v_row.until_run, v_row.until_kind, ${MAX_SWEPT_PER_BATCH}, 0);
      EXCEPTION WHEN lock_not_available THEN
        NULL;
      END;
    END IF;
  END IF;`;
}
