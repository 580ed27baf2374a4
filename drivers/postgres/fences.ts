import type { Names } from "./names.js";
import { sessionKey } from "./session-locks.js";

/** After this time without a sweep, batches go on with a large erase, in milliseconds. */
const ABANDONED_MS = 60_000;

/** Records of an abandoned erase that a batch removes. */
const MAX_SWEPT_PER_BATCH = 200;

/** Whether a large erase covers this record, which is not removed yet. It must be invisible, and nothing may depend on it. */
export function isErased(n: Names, record: string): string {
  return `EXISTS (
    SELECT FROM ${n.fence} AS f
    WHERE f.tenant = ${record}.tenant AND f.user_id = ${record}.user_id AND f.session = ${record}.session
      AND f.generation > ${record}.generation OFFSET 0)`;
}

/** The same, but first asks once whether there is any fence: usually there is none. */
export function isFencedOff(n: Names, record: string): string {
  const first = `SELECT true FROM ${n.fence} ORDER BY tenant, user_id, session LIMIT 1`;
  return `((${first}) IS TRUE AND ${isErased(n, record)})`;
}

/** Sets v_fenced: whether there is any fence. Usually there is none, which saves a check per record. */
export function detectFences(n: Names): string {
  return `v_fenced := EXISTS (SELECT FROM ${n.fence});`;
}

/**
 * Keeps the event ids of the records in \`gone\`, but clears their fingerprints, which could confirm a guess about the
 * erased content. Locks event rows out of order: to avoid a deadlock it does not wait for a lock, and the batch is retried.
 */
export function clearFingerprints(n: Names): string {
  return `held AS MATERIALIZED (
      SELECT e.tenant, e.event_id FROM gone
      JOIN ${n.event} AS e ON e.tenant = gone.tenant AND e.event_id = gone.event_id AND e.record_id = gone.id
      FOR UPDATE OF e NOWAIT
    ),
    emptied AS (
      UPDATE ${n.event} AS e SET fingerprint = NULL FROM held
      WHERE e.tenant = held.tenant AND e.event_id = held.event_id
    )`;
}

/** Removes erased records from the slots of a batch, so that the batch neither reads nor overwrites one. */
export function removeErased(n: Names): string {
  return `WITH gone AS (
      DELETE FROM ${n.record} AS r
      USING unnest(p_tenant, p_usr, p_session, p_run, p_kind) AS x (tenant, usr, session, run, kind)
      WHERE r.tenant = x.tenant AND r.user_id = x.usr AND r.session = x.session AND r.run = x.run
        AND r.kind = x.kind AND ${isErased(n, "r")}
      RETURNING r.tenant, r.user_id, r.session, r.id, r.event_id
    ),
    ${clearFingerprints(n)},
    counted AS (
      UPDATE ${n.fence} AS f SET uncounted = f.uncounted + c.removed
      FROM (SELECT g.tenant, g.user_id, g.session, count(*) AS removed FROM gone AS g GROUP BY 1, 2, 3) AS c
      WHERE f.tenant = c.tenant AND f.user_id = c.user_id AND f.session = c.session
    )
    SELECT count(*) INTO v_count FROM gone;`;
}

/**
 * Erases the session of write i: removes at most \`v_room\` records at once. If there are more, it puts up a fence: every
 * record with a lower generation than the fence's counts as erased. The fence's generation is one above the highest of the
 * session's records, so it needs no counter that a restore could lose.
 */
export function eraseSession(n: Names): string {
  const own = (row: string) =>
    `${row}.tenant = a_tenant[i] AND ${row}.user_id = a_usr[i] AND ${row}.session = a_session[i]`;
  return `erased := 0;
        v_generation := NULL;
        SELECT f.generation INTO v_generation FROM ${n.fence} AS f WHERE v_fenced AND ${own("f")};
        SELECT coalesce(max(r.generation), 0) INTO v_newest FROM ${n.record} AS r
          WHERE ${own("r")} AND r.generation > 0;
        IF v_generation IS NULL THEN
          PERFORM FROM ${n.record} AS r WHERE ${own("r")} ORDER BY r.run, r.kind OFFSET v_room LIMIT 1;
          remains := FOUND;
          WITH gone AS (
            DELETE FROM ${n.record} AS r WHERE r.ctid = ANY (ARRAY(
              SELECT q.ctid FROM ${n.record} AS q WHERE ${own("q")} ORDER BY q.run, q.kind LIMIT v_room))
            RETURNING r.tenant, r.id, r.event_id
          ),
          ${clearFingerprints(n)}
          SELECT count(*) INTO erased FROM gone;
          v_room := v_room - erased;
          IF remains THEN
            INSERT INTO ${n.fence} (tenant, user_id, session, generation, touched_at, swept_run, swept_kind, uncounted)
            VALUES (a_tenant[i], a_usr[i], a_session[i], v_newest + 1, v_now, '', '', 0);
          END IF;
        ELSE
          -- Of an earlier erase something is left. What was saved since comes to it.
          remains := true;
          UPDATE ${n.fence} AS f SET generation = v_newest + 1, touched_at = v_now, swept_run = '', swept_kind = ''
            WHERE ${own("f")} AND f.generation <= v_newest;
        END IF;
        IF remains THEN
          v_fenced := true;
          ${removeErased(n)}
        END IF;`;
}

/** Goes on with a large erase whose process ended. */
export function sweepAbandoned(n: Names): string {
  return `IF v_fenced THEN
    SELECT f.tenant, f.user_id, f.session INTO v_row FROM ${n.fence} AS f
      WHERE abs(v_now - f.touched_at) > ${ABANDONED_MS} ORDER BY f.touched_at LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF FOUND AND pg_try_advisory_xact_lock(${sessionKey(n, "v_row.tenant", "v_row.user_id", "v_row.session")}) THEN
      BEGIN
        PERFORM FROM ${n.sweep}(
          p_lock_timeout, p_deadline, v_row.tenant, v_row.user_id, v_row.session, ${MAX_SWEPT_PER_BATCH}, 0);
      EXCEPTION WHEN lock_not_available THEN
        NULL;
      END;
    END IF;
  END IF;`;
}
