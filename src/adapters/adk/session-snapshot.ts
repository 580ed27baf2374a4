import { type Session as AdkSession, type CompositeSessionKey, createSession, State } from "@google/adk";
import { isStateError, StateError } from "../../contract/errors.js";
import type { SessionIdentity } from "../../contract/store.js";
import { jitteredPause } from "../../timing/backoff.js";
import { sleep } from "../../timing/real-timers.js";
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

/**
 * A session of one moment. An event and what it changes are one commit, but are read one after the other: so the marks of the
 * session and of the user are read first and last, and where they are others, what may have changed is read again. The app's
 * state needs no mark: it is read at once, and who changes it together with the session or the user changes a mark.
 */
export async function sessionAsOfNow(
  sessions: OwnSessions,
  identity: SessionIdentity,
  { appName, userId, sessionId }: CompositeSessionKey,
  wanted: Wanted,
): Promise<AdkSession | undefined> {
  const own = stateOf(appName);
  const maps = mapsOf(sessions, identity);
  let known: { readonly events: readonly Numbered[]; readonly history: unknown } | undefined;
  for (let made = 1; made <= ATTEMPTS; made++) {
    try {
      const [ofSession, ofUser] = await Promise.all([
        maps.session.entries(),
        maps.user.entries({ prefix: own }),
      ]);
      const session = readEntries(ofSession);
      const user = readEntries(ofUser, own, State.USER_PREFIX);
      const [events, ofApp] = await Promise.all([
        known === undefined || known.history !== session.history
          ? recentEvents(sessions, identity, wanted)
          : withNewEvents(sessions, identity, wanted, known.events),
        maps.app.entries({ prefix: own }),
      ]);
      const marks = await Promise.all([maps.session.find(UPDATED), maps.user.find(own + UPDATED)]);
      const isOfOneMoment = [session.updated, user.updated].every(
        (mark, at) => mark?.eventId === marks[at]?.eventId,
      );
      if (isOfOneMoment) {
        const app = readEntries(ofApp, own, State.APP_PREFIX);
        return createSession({
          id: sessionId,
          appName,
          userId,
          state: stateFrom([...session.values, ...app.values, ...user.values]),
          events: events.map(({ event }) => event),
          lastUpdateTime: Number(session.updated?.value ?? 0),
        });
      }
      known = { events, history: session.history };
    } catch (error) {
      if (isStateError(error, "NOT_FOUND")) return undefined;
      throw error;
    }
    await sleep(jitteredPause(made, BACKOFF), undefined);
  }
  throw new StateError("UNAVAILABLE", "the session changed all the time while it was read: try again later", {
    details: { reason: "busy" },
  });
}

/** ADK asks whether a key is `in` the state, so that it has no keys of its own. */
function stateFrom(values: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const state: Record<string, unknown> = Object.create(null);
  for (const [key, value] of values) state[key] = value;
  return state;
}
