import type { Event, GetSessionConfig } from "@google/adk";
import { invalid } from "../../contract/errors.js";
import type { SessionIdentity } from "../../contract/store.js";
import type { SessionEvent, Sessions } from "../../sessions/index.js";
import type { JsonValue } from "../../typed/json-value.js";
import { readInteger } from "../../validation/validate.js";
import type { SessionMetadata } from "./place.js";
import { eventFromJson } from "./stored-event.js";

/** What the adapter needs of `groundstate/sessions`. */
export type OwnSessions = Sessions<SessionMetadata, JsonValue>;

/** An event with its number in the session. */
export interface Numbered {
  readonly number: number;
  readonly event: Event;
}

/** Which events a reader asks for. */
export interface Wanted {
  /** The last ones. */
  readonly most: number;
  /** Those behind the last event that is older. */
  readonly since: number;
}

const PAGE = 500;
const PAGE_BYTES = 16 * 1024 * 1024;

/** INVALID_RECORD for a number that is none. */
export function readWanted({ numRecentEvents, afterTimestamp }: GetSessionConfig = {}): Wanted {
  if (afterTimestamp !== undefined && !Number.isFinite(afterTimestamp))
    throw invalid("config.afterTimestamp", "a number");
  return {
    most:
      numRecentEvents === undefined
        ? Number.POSITIVE_INFINITY
        : readInteger(numRecentEvents, "config.numRecentEvents", 0, Number.MAX_SAFE_INTEGER),
    since: afterTimestamp ?? Number.NEGATIVE_INFINITY,
  };
}

/** The events that are wanted, in their order. It reads from the last one backwards, as far as is needed. */
export async function recentEvents(
  sessions: OwnSessions,
  identity: SessionIdentity,
  wanted: Wanted,
): Promise<Numbered[]> {
  const found: Numbered[] = [];
  if (wanted.most === 0) return found;
  for await (const page of backwards(sessions, identity, Math.min(PAGE, wanted.most))) {
    const events = numbered(page);
    found.push(...events);
    if (found.length >= wanted.most || events.some(({ event }) => event.timestamp < wanted.since)) break;
  }
  return select(found.reverse(), wanted);
}

/** These events with those that were appended since. */
export async function withNewEvents(
  sessions: OwnSessions,
  identity: SessionIdentity,
  wanted: Wanted,
  known: readonly Numbered[],
): Promise<Numbered[]> {
  const last = known.at(-1);
  if (last === undefined) return recentEvents(sessions, identity, wanted);
  const all = [...known];
  for (let from = last.number + 1; ; ) {
    const page = await sessions.read(identity, { from, limit: PAGE, maxBytes: PAGE_BYTES });
    const end = page.at(-1);
    if (end === undefined) return select(all, wanted);
    all.push(...numbered(page));
    from = end.number + 1;
  }
}

/** The last event that has an id of `groundstate/sessions`. */
export async function eventOfId(
  sessions: OwnSessions,
  identity: SessionIdentity,
  id: string,
): Promise<SessionEvent<JsonValue> | undefined> {
  for await (const page of backwards(sessions, identity, PAGE)) {
    const found = page.find((event) => event.id === id);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function* backwards(
  sessions: OwnSessions,
  identity: SessionIdentity,
  limit: number,
): AsyncGenerator<SessionEvent<JsonValue>[]> {
  const size = { limit, maxBytes: PAGE_BYTES, reverse: true };
  for (let from: number | undefined; from !== 0; ) {
    const page = await sessions.read(identity, { ...size, ...(from !== undefined && { from }) });
    const end = page.at(-1);
    if (end === undefined) return;
    yield page;
    from = end.number - 1;
  }
}

/** One whose content was removed is none any more. */
function numbered(events: readonly SessionEvent<JsonValue>[]): Numbered[] {
  return events.flatMap(({ number, value }) =>
    value === undefined ? [] : [{ number, event: eventFromJson(value) }],
  );
}

function select(events: readonly Numbered[], { most, since }: Wanted): Numbered[] {
  const last = most < events.length ? events.slice(events.length - most) : events;
  return last.slice(last.findLastIndex(({ event }) => event.timestamp < since) + 1);
}
