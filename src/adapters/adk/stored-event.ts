import { createEvent, type Event, State } from "@google/adk";
import { invalid, wrongType } from "../../contract/errors.js";
import type { JsonValue } from "../../typed/json-value.js";
import { fromJsonWithBytes, toJsonWithBytes } from "../json-with-bytes.js";
import { shortName } from "./names.js";

/** An event as `groundstate/sessions` appends it. */
export interface StoredEvent {
  readonly id: string;
  readonly value: JsonValue;
}

/** The event without the state that is of the invocation alone. INVALID_RECORD. */
export function eventToJson(event: Event): StoredEvent {
  if (typeof event?.id !== "string") throw wrongType("event.id", "a string", event?.id);
  if (!Number.isFinite(event.timestamp)) throw invalid("event.timestamp", "a number");
  const { stateDelta } = event.actions ?? {};
  const kept =
    stateDelta && Object.fromEntries(Object.entries(stateDelta).filter(([key]) => !isTemporary(key)));
  const stored = kept === undefined ? event : { ...event, actions: { ...event.actions, stateDelta: kept } };
  return { id: shortName(event.id), value: toJsonWithBytes(stored, "event", "objects") };
}

/** The event again, as ADK makes its events. */
export function eventFromJson(value: JsonValue): Event {
  const fields = fromJsonWithBytes(value) as Event;
  return { ...createEvent(fields), ...fields };
}

/** Whether a key of state is of an invocation, and is never stored. */
export function isTemporary(key: string): boolean {
  return key.startsWith(State.TEMP_PREFIX);
}
