import { isCurrent } from "./apply-parts.js";
import type { Names } from "./names.js";

/** What the answer says of the line, in place of a commit. */
export const QUEUE_HEAD = "line";

/**
 * Looks at the head of the line before it sets up all that it takes to shorten it, which most batches need not.
 *
 * While somebody holds an old snapshot, the server keeps what was removed at the head, and would walk over more and more
 * of it: so the driver is told where the line begins, and says so the next time. A time past the cut comes of a clock
 * that was set back: behind it may stand anything.
 */
export function forgetOldest(n: Names): string {
  return `IF v_written > 0 THEN
    v_low := CASE WHEN p_low <= v_cut THEN p_low ELSE -9223372036854775808 END;
    SELECT e.lined_up_at INTO v_head FROM ${n.event} AS e
      WHERE e.lined_up_at >= v_low AND e.lined_up_at <= v_cut ORDER BY e.lined_up_at LIMIT 1;
    IF v_head IS NOT NULL THEN
      WITH old AS MATERIALIZED (
        SELECT e.tenant, e.event_id, ${isCurrent(n)} AS current
        FROM ${n.event} AS e
        WHERE e.lined_up_at >= v_head AND e.lined_up_at <= v_cut
        ORDER BY e.lined_up_at LIMIT v_written * 2
        FOR UPDATE SKIP LOCKED
      ),
      moved AS (
        UPDATE ${n.event} AS e SET lined_up_at = v_now FROM old
        WHERE old.current AND e.tenant = old.tenant AND e.event_id = old.event_id
      )
      DELETE FROM ${n.event} AS e USING old
      WHERE NOT old.current AND e.tenant = old.tenant AND e.event_id = old.event_id;
      commit_no := -1;
      verdict := '${QUEUE_HEAD}';
      current_event := v_head::text;
      erased := NULL;
      remains := NULL;
      RETURN NEXT;
    END IF;
  END IF;`;
}
