import type { EventId } from "../contract/store.js";
import { processState } from "./process-state.js";

/** The times that a ULID can hold, in milliseconds since 1970. The package fails at 0. */
const EARLIEST = 1;
const LATEST = 2 ** 48 - 1;

/**
 * A new ULID, greater than every other that this process has made. https://github.com/ulid/spec
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
  // A faked clock may stand at 0, and the clock of a device without a battery even before that.
  return processState.nextEventId(Math.min(Math.max(Math.trunc(Date.now()) || EARLIEST, EARLIEST), LATEST));
}
