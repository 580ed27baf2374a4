import type { EventId } from "./contract.js";
import { processState } from "./process-state.js";

/** A ULID, greater than every other that this process made. https://github.com/ulid/spec */
export function newEventId(): EventId {
  return processState.nextEventId();
}
