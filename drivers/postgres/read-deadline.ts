import { monotonicMs } from "../../src/timing/real-timers.js";

/**
 * The share of the time left after which a read is tried once more on another connection: an answer lost by the network
 * never comes. More than the share of the server's own timeouts, so that a read that waits for a lock gets that error.
 */
const READ_SHARE = 0.7;

/** The deadline of one try of a read, in a call with this deadline. */
export function readDeadline(deadline: number): number {
  const now = monotonicMs();
  return now + (deadline - now) * READ_SHARE;
}
