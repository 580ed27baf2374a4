import { invalid } from "../contract/errors.js";
import { newEventId } from "../process/event-id.js";
import { digestOf } from "../typed/names.js";
import { timeKey } from "../typed/time.js";

/** Stands for a missing session or run; no real one has this name. */
const UNNAMED = "";

/** Digests of session and run, a time, and a unique id. */
const ENTRY_ID = /^[\w-]{22}\/[\w-]{22}\/[\d-]{10}T[\d:.]{12}Z\.\w{26}$/;

/** The prefix of the ids of all entries of a session or, with `run`, of a run. */
export function entryPrefix(session: string, run?: string): string {
  return run === undefined ? `${digestOf(session)}/` : `${digestOf(session)}/${digestOf(run)}/`;
}

/** The id of an entry. Ids of the same session and run sort by time. */
export function entryId(
  { session = UNNAMED, run = UNNAMED }: { readonly session?: string; readonly run?: string },
  time: string,
): string {
  return entryPrefix(session, run) + time;
}

/** Reads the id of an entry from another record. INVALID_RECORD. */
export function readEntryId(value: unknown, field: string): string {
  if (typeof value === "string" && ENTRY_ID.test(value)) return value;
  throw invalid(field, "the id of an entry");
}

const TIME_KEY = /^\d{4}-\d\d-\d\dT[\d:.]{12}Z\.\w{26}$/;

/** Reads the id of an entry as callers know it: its time key. INVALID_RECORD. */
export function readTimeKey(value: unknown, field: string): string {
  if (typeof value === "string" && TIME_KEY.test(value) && !Number.isNaN(Date.parse(value.slice(0, 24))))
    return value;
  throw invalid(field, "the id of an entry");
}

/** The time key of a new entry: the last part of its id. */
export function newTimeKey({ at }: { readonly at: number }): string {
  return `${timeKey(at)}.${newEventId()}`;
}

/** The time key of an entry: the last part of its id, its time and a unique id. */
export function timeKeyOfEntry(id: string): string {
  return id.slice(id.lastIndexOf("/") + 1);
}
