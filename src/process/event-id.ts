import type { EventId } from "../contract/store.js";
import { processState } from "./process-state.js";

/** What a ULID can say, in milliseconds since 1970; at 0 its package fails. */
const EARLIEST = 1;
const LATEST = 2 ** 48 - 1;

/**
 * A ULID, greater than every other that this process made. https://github.com/ulid/spec
 *
 * @example
 * ```ts
 * import { newEventId } from "groundstate";
 *
 * const eventId = newEventId(); // once per write, and kept for its retries
 * console.log(eventId.length); // 26
 * ```
 */
export function newEventId(): EventId {
  // A test's clock may stand at 0, and one of a device that was just switched on before it.
  return processState.nextEventId(Math.min(Math.max(Math.trunc(Date.now()) || EARLIEST, EARLIEST), LATEST));
}
