import type { Names } from "../../names.js";
import { eventFingerprint, eventKey } from "./event-key.js";
import { isErased } from "./fences.js";

export const CLOCK = `v_now := floor(extract(epoch FROM clock_timestamp()) * 1000);
  v_cut := v_now - p_window;`;

/**
 * A client may repeat a statement and serialize its parameters twice, which turns bytes into the text of bytes.
 * https://www.postgresql.org/docs/current/datatype-binary.html#DATATYPE-BINARY-BYTEA-HEX-FORMAT
 */
export const CHECK_BODY_SIZE = `IF length(p_body) <> (SELECT coalesce(sum(sent.size), 0) FROM unnest(p_size) AS sent (size)) THEN
    RAISE EXCEPTION 'the payloads did not arrive as they were sent' USING ERRCODE = 'GS001';
  END IF;`;

/** Two sessions that save one event id at once collide at the unique key. The second one gets this error and retries. */
export const SAVED_MEANWHILE =
  "RAISE EXCEPTION 'another session saved this event id' USING ERRCODE = '40001';";

/** For a saved record: replaces the record in its slot. */
export const OVERWRITING = `ON CONFLICT (tenant, user_id, session, run, kind) DO UPDATE SET
          event_id = excluded.event_id, version = excluded.version, updated_at = excluded.updated_at,
          fingerprint = excluded.fingerprint, bytes = excluded.bytes, generation = excluded.generation`;

/** For a saved event e: replaces a remembered one that is past its window. */
export function replacingForgotten(n: Names): string {
  return `ON CONFLICT (event_key, tenant) DO UPDATE SET
          record_id = excluded.record_id, saved_at = excluded.saved_at, lined_up_at = excluded.lined_up_at,
          fingerprint = excluded.fingerprint
          WHERE NOT ${isSeen(n)}`;
}

/** Whether event e still counts as seen. It does if its time is missing, so that no write happens twice. */
export function isSeen(n: Names): string {
  return `((e.saved_at <= v_cut) IS NOT TRUE OR ${isCurrent(n)})`;
}

/** Whether event e has this fingerprint. The event of an erased record matches any fingerprint. */
export function isSame(n: Names, fingerprint: string): string {
  return `(coalesce(e.fingerprint = ${eventFingerprint(fingerprint)}, true) OR (v_fenced AND EXISTS (
      SELECT FROM ${n.record} AS r
      WHERE r.tenant = e.tenant AND r.id = e.record_id AND ${eventKey("r.event_id")} = e.event_key
        AND ${isErased(n, "r")} OFFSET 0)))`;
}

/**
 * Whether event e is still the current one of its record. Without OFFSET 0 the planner may build a hash table of all
 * records.
 */
export function isCurrent(n: Names): string {
  return `EXISTS (
    SELECT FROM ${n.record} AS r
    WHERE r.tenant = e.tenant AND r.id = e.record_id AND ${eventKey("r.event_id")} = e.event_key
      AND NOT (v_fenced AND ${isErased(n, "r")}) OFFSET 0)`;
}
