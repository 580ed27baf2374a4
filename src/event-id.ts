import { monotonicFactory } from "ulid";
import type { EventId } from "./contract.js";

const next = monotonicFactory();

/** A ULID, greater than every other that this process made. https://github.com/ulid/spec */
export function newEventId(): EventId {
  return next();
}
