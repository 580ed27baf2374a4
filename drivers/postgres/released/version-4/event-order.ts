import type { Names } from "../../names.js";
import { eventKey } from "./event-key.js";

/** The time in a placeholder row of an event that is not saved yet. */
export const NEVER = "(-9223372036854775808)";

/**
 * Prevents deadlocks: two batches that save the same new ids in opposite order would wait for each other. A batch that
 * does not save its ids in ascending order first inserts a placeholder row for each in that order, which locks the id.
 */
export function holdEvents(n: Names): string {
  return `IF p_ascending = 0 THEN
    INSERT INTO ${n.event} AS e (saved_at, lined_up_at, record_id, event_key, tenant)
    SELECT ${NEVER}, v_now, 0, ${eventKey("held.event_id")}, held.tenant
    FROM (
      SELECT DISTINCT x.tenant COLLATE "C" AS tenant, x.event_id COLLATE "C" AS event_id
      FROM unnest(p_tenant, p_event) AS x (tenant, event_id)
      WHERE x.event_id IS NOT NULL ORDER BY 2, 1
    ) AS held
    -- Locks the row that is there, and leaves it as it is.
    ON CONFLICT (event_key, tenant) DO UPDATE SET record_id = e.record_id WHERE false;
  END IF;`;
}

/** Removes the placeholder rows of ids that were not saved, among those in the arrays. */
export function releaseEvents(n: Names, tenants: string, ids: string): string {
  return `DELETE FROM ${n.event} AS e USING unnest(${tenants}, ${ids}) AS x (tenant, event_id)
    WHERE e.tenant = x.tenant AND e.event_key = ${eventKey("x.event_id")} AND e.saved_at = ${NEVER};`;
}
