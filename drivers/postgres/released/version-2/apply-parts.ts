import type { Names } from "../../names.js";

/** What is locked for a session; 1 is in no name, so that no two sessions' names run together. */
export function sessionKey(tenant: string, usr: string, session: string): string {
  return `hashtextextended(${tenant} || chr(1) || ${usr} || chr(1) || ${session}, 20261120)`;
}

/**
 * Locks the sessions of a batch, in one order everywhere, which also covers slots that hold nothing yet and holds off an
 * erase. Statements after it see a snapshot that was taken after it.
 */
export const LOCK_SESSIONS = `PERFORM pg_advisory_xact_lock(held.key) FROM (
    SELECT DISTINCT ${sessionKey("x.tenant", "x.usr", "x.session")} AS key
    FROM unnest(p_tenant, p_usr, p_session) AS x (tenant, usr, session)
    ORDER BY 1
  ) AS held;`;

export const CLOCK = `v_now := floor(extract(epoch FROM clock_timestamp()) * 1000);
  v_cut := v_now - p_window;`;

/** One event id saved by two sessions at once is met at the unique key: whoever comes second is sent to look again. */
export const SAVED_MEANWHILE =
  "RAISE EXCEPTION 'another session saved this event id' USING ERRCODE = '40001';";

/** Of a record that is saved: in the place of the one that its slot holds. */
export const OVERWRITING = `ON CONFLICT (tenant, usr, session, run, kind) DO UPDATE SET
          event_id = excluded.event_id, version = excluded.version, updated_at = excluded.updated_at,
          fingerprint = excluded.fingerprint, bytes = excluded.bytes`;

/** Of an event e that is saved: in the place of one that is remembered and no longer seen. */
export function replacingForgotten(n: Names): string {
  return `ON CONFLICT (tenant, event_id) DO UPDATE SET
          record_id = excluded.record_id, saved_at = excluded.saved_at, lined_up_at = excluded.lined_up_at,
          fingerprint = excluded.fingerprint
          WHERE NOT ${isSeen(n)}`;
}

/** Whether event e still stands for what it was saved with. One whose time was lost does, so that nothing happens twice. */
export function isSeen(n: Names): string {
  return `((e.saved_at <= v_cut) IS NOT TRUE OR ${isCurrent(n)})`;
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

/** Looks at the head of the line before it sets up all that it takes to shorten it, which most batches need not. */
export function forgetOldest(n: Names): string {
  return `IF v_written > 0 AND EXISTS (SELECT FROM ${n.event} AS e WHERE e.lined_up_at <= v_cut) THEN
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
  END IF;`;
}
