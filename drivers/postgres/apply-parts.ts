import { isErased } from "./fences.js";
import type { Names } from "./names.js";

export const CLOCK = `v_now := floor(extract(epoch FROM clock_timestamp()) * 1000);
  v_cut := v_now - p_window;`;

/**
 * A client may repeat a statement and serialize its parameters a second time: what it calls bytes then is the text of
 * bytes. https://www.postgresql.org/docs/current/datatype-binary.html#DATATYPE-BINARY-BYTEA-HEX-FORMAT
 */
export const CHECK_BODY_SIZE = `IF length(p_body) <> (SELECT coalesce(sum(sent.size), 0) FROM unnest(p_size) AS sent (size)) THEN
    RAISE EXCEPTION 'the payloads did not arrive as they were sent' USING ERRCODE = 'GS001';
  END IF;`;

/** One event id saved by two sessions at once is met at the unique key: whoever comes second is sent to look again. */
export const SAVED_MEANWHILE =
  "RAISE EXCEPTION 'another session saved this event id' USING ERRCODE = '40001';";

/** Of a record that is saved: in the place of the one that its slot holds. */
export const OVERWRITING = `ON CONFLICT (tenant, user_id, session, run, kind) DO UPDATE SET
          event_id = excluded.event_id, version = excluded.version, updated_at = excluded.updated_at,
          fingerprint = excluded.fingerprint, bytes = excluded.bytes, generation = excluded.generation`;

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

/** Whether event e stands for this fingerprint. That of an erased record does for any. */
export function isSame(n: Names, fingerprint: string): string {
  return `(coalesce(e.fingerprint = ${fingerprint}, true) OR (v_fenced AND EXISTS (
      SELECT FROM ${n.record} AS r
      WHERE r.tenant = e.tenant AND r.id = e.record_id AND r.event_id = e.event_id AND ${isErased(n, "r")} OFFSET 0)))`;
}

/**
 * Whether event e is the current one of the record it was saved in. Without OFFSET 0 the server may read all records
 * into a hash for it, when it believes that it will ask often.
 */
export function isCurrent(n: Names): string {
  return `EXISTS (
    SELECT FROM ${n.record} AS r
    WHERE r.tenant = e.tenant AND r.id = e.record_id AND r.event_id = e.event_id
      AND NOT (v_fenced AND ${isErased(n, "r")}) OFFSET 0)`;
}
