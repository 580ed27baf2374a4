import { type Session as AdkSession, type CompositeSessionKey, createSession, State } from "@google/adk";
import { StateError } from "../../contract/errors.js";
import type { SessionIdentity } from "../../contract/store.js";
import { jitteredPause } from "../../timing/backoff.js";
import { sleep } from "../../timing/real-timers.js";
import type { JsonValue } from "../../typed/json-value.js";
import { unlessMissing } from "../conversation.js";
import { stateOf } from "./place.js";
import {
  type Numbered,
  type OwnSessions,
  recentEvents,
  type Wanted,
  withNewEvents,
} from "./recent-events.js";
import { mapsOf, readEntries, UPDATED } from "./scoped-state.js";

const ATTEMPTS = 20;
const BACKOFF = { baseMs: 2, mostMs: 100, random: Math.random };

/** What is read of a session. */
interface Asked {
  readonly identity: SessionIdentity;
  readonly key: CompositeSessionKey;
  readonly wanted: Wanted;
}

/** The events that were read before, and what the mark of their history was. */
interface Known {
  readonly events: readonly Numbered[];
  readonly history: JsonValue | undefined;
}

/**
 * A session of one moment. An event and what it changes are one commit, but are read one after the other: so the marks of the
 * session and of the user are read first and last, and where they are others, what may have changed is read again. The app's
 * state needs no mark: it is read at once, and who changes it together with the session or the user changes a mark.
 */
export function sessionAsOfNow(sessions: OwnSessions, asked: Asked): Promise<AdkSession | undefined> {
  return unlessMissing(async () => {
    let known: Known | undefined;
    for (let made = 1; made <= ATTEMPTS; made++) {
      const read = await readOnce(sessions, asked, known);
      if (read.session !== undefined) return read.session;
      known = read.known;
      await sleep(jitteredPause(made, BACKOFF), undefined);
    }
    const message = "the session changed all the time while it was read: try again later";
    throw new StateError("UNAVAILABLE", message, { details: { reason: "busy" } });
  });
}

/** The session, if it is of one moment, and its events. */
async function readOnce(
  sessions: OwnSessions,
  { identity, key, wanted }: Asked,
  known: Known | undefined,
): Promise<{ readonly session: AdkSession | undefined; readonly known: Known }> {
  const { appName, userId, sessionId: id } = key;
  const own = stateOf(appName);
  const maps = mapsOf(sessions, identity);
  const [ofSession, ofUser] = await Promise.all([maps.session.entries(), maps.user.entries({ prefix: own })]);
  const session = readEntries(ofSession);
  const user = readEntries(ofUser, own, State.USER_PREFIX);
  const isKnown = known !== undefined && known.history === session.history;
  const [events, ofApp] = await Promise.all([
    isKnown
      ? withNewEvents(sessions, identity, wanted, known.events)
      : recentEvents(sessions, identity, wanted),
    maps.app.entries({ prefix: own }),
  ]);
  const app = readEntries(ofApp, own, State.APP_PREFIX);
  const marks = await Promise.all([maps.session.find(UPDATED), maps.user.find(own + UPDATED)]);
  const before = [session.updated, user.updated];
  const isOfOneMoment = before.every((mark, at) => mark?.eventId === marks[at]?.eventId);
  const state = stateFrom([...session.values, ...app.values, ...user.values]);
  const lastUpdateTime = Number(session.updated?.value ?? 0);
  const shown = { id, appName, userId, state, events: events.map(({ event }) => event), lastUpdateTime };
  return {
    session: isOfOneMoment ? createSession(shown) : undefined,
    known: { events, history: session.history },
  };
}

/** ADK asks whether a key is `in` the state, so that it has no keys of its own. */
function stateFrom(values: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const state: Record<string, unknown> = Object.create(null);
  for (const [key, value] of values) state[key] = value;
  return state;
}
