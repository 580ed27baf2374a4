import { monotonicMs } from "../../src/timing/real-timers.js";

/**
 * Of the time left, what a read may take before it is asked once more on another connection: what a line has swallowed
 * comes back on no other day. Later than the server's own limits, so that a read that waits for a lock learns it.
 */
const READ_SHARE = 0.7;

/** Until when an answer to a read is waited for, of a call with this deadline. */
export function readDeadline(deadline: number): number {
  const now = monotonicMs();
  return now + (deadline - now) * READ_SHARE;
}
