import { type Session as AdkSession, createSession } from "@google/adk";
import { isStateError } from "../../contract/errors.js";
import type { Session } from "../../sessions/index.js";
import { nameOf, type SessionMetadata, sessionsOf, userIdOf } from "./place.js";
import type { OwnSessions } from "./recent-events.js";
import { UPDATED } from "./scoped-state.js";

/** Whose sessions are listed: a user's, or those of all users of a tenant. */
export interface Listed {
  readonly tenant: string;
  readonly appName: string;
  readonly userId?: string;
}

const PAGE = 1_000;
const AT_ONCE = 100;

/** All sessions of an app, each without its events and its state. */
export async function sessionsUnder(
  sessions: OwnSessions,
  { tenant, appName, userId }: Listed,
): Promise<AdkSession[]> {
  const who = userId === undefined ? { tenant } : { tenant, user: nameOf(userId, "userId") };
  const prefix = sessionsOf(appName);
  const found: AdkSession[] = [];
  for (let after: string | undefined, done = false; !done; ) {
    const page = await sessions.list(who, { limit: PAGE, after });
    const own = page.sessions.filter(({ identity }) => identity.session.startsWith(prefix));
    for (let at = 0; at < own.length; at += AT_ONCE) {
      const shown = await Promise.all(own.slice(at, at + AT_ONCE).map((each) => withTime(sessions, each)));
      found.push(...shown.filter((session) => session !== undefined));
    }
    after = page.next;
    done = after === undefined;
  }
  return found;
}

async function withTime(
  sessions: OwnSessions,
  { identity, metadata, updatedAt }: Session<SessionMetadata>,
): Promise<AdkSession | undefined> {
  try {
    const updated = await sessions.sessionState(identity).get(UPDATED);
    return createSession({
      id: metadata.sessionId,
      appName: metadata.appName,
      userId: userIdOf(identity, metadata),
      lastUpdateTime: typeof updated === "number" ? updated : updatedAt.getTime(),
    });
  } catch (error) {
    // It was deleted meanwhile.
    if (isStateError(error, "NOT_FOUND")) return undefined;
    throw error;
  }
}
