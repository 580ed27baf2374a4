import { newEventId } from "../../event-id.js";
import { digestOf } from "../names.js";
import { timeKey } from "../time.js";
import type { StoredEntry } from "./entry.js";

/** No session and no run is called this. */
const NO_NAME = "";

/** What the ids of all entries of a session begin with, and of a run with `run`. */
export function entryPrefix(session: string, run?: string): string {
  return run === undefined ? `${digestOf(session)}/` : `${digestOf(session)}/${digestOf(run)}/`;
}

/** The id of an entry: by session and run, and in the order of time. */
export function entryId({ session = NO_NAME, run = NO_NAME }: StoredEntry, time: string): string {
  return entryPrefix(session, run) + time;
}

/** The end of a new entry's id. */
export function newTime({ at }: StoredEntry): string {
  return `${timeKey(at)}.${newEventId()}`;
}

/** The end of an entry's id, which says when it was made and tells it apart. */
export function timeOfEntry(id: string): string {
  return id.slice(id.lastIndexOf("/") + 1);
}
