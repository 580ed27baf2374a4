import type { Names } from "../../names.js";
import { isCurrent } from "./apply-parts.js";

/** The verdict of the row that reports the queue's head, in the answer of the apply function. */
export const QUEUE_HEAD = "line";

/**
 * Forgets event ids whose time in the queue is up. Reads the head of the queue first, because most batches find nothing to
 * forget.
 *
 * While a connection holds an old snapshot, the server keeps the rows removed at the head and would scan more and more of
 * them. So the answer tells the driver where the queue begins (`v_head`), and the driver passes that on with the next
 * batch. If that time is after the cut, the clock was set back and the scan starts from the beginning.
 */
export function forgetOldest(n: Names): string {
  return `IF v_written > 0 THEN
    v_low := CASE WHEN p_low <= v_cut THEN p_low ELSE -9223372036854775808 END;
    SELECT e.lined_up_at INTO v_head FROM ${n.event} AS e
      WHERE e.lined_up_at >= v_low AND e.lined_up_at <= v_cut ORDER BY e.lined_up_at LIMIT 1;
    IF v_head IS NOT NULL THEN
      WITH old AS MATERIALIZED (
        SELECT e.tenant, e.event_key, ${isCurrent(n)} AS current
        FROM ${n.event} AS e
        WHERE e.lined_up_at >= v_head AND e.lined_up_at <= v_cut
        ORDER BY e.lined_up_at LIMIT v_written * 2
        FOR UPDATE SKIP LOCKED
      ),
      moved AS (
        UPDATE ${n.event} AS e SET lined_up_at = v_now FROM old
        WHERE old.current AND e.tenant = old.tenant AND e.event_key = old.event_key
      )
      DELETE FROM ${n.event} AS e USING old
      WHERE NOT old.current AND e.tenant = old.tenant AND e.event_key = old.event_key;
    END IF;
  END IF;`;
}
