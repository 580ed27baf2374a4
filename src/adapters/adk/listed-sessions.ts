import { type Session as AdkSession, createSession, type ListSessionsResponse } from "@google/adk";
import { compareText } from "../../rules/order.js";
import type { Session } from "../../sessions/index.js";
import { unlessMissing } from "../conversation.js";
import { beginningOf, nameOf, type SessionMetadata, userIdOf } from "./place.js";
import type { OwnSessions } from "./recent-events.js";
import { UPDATED } from "./scoped-state.js";
import { numbersOf, type Page, shownOf } from "./session-page.js";

/** Whose sessions are listed: a user's, or those of all users of a tenant. */
export interface Listed {
  readonly tenant: string;
  readonly appName: string;
  readonly userId?: string;
}

type Found = Session<SessionMetadata>;

const PAGE = 1_000;
const AT_ONCE = 100;

/** A page of the sessions of an app. Only an order by their times needs the times of those that are not shown. */
export async function pageOf(
  sessions: OwnSessions,
  listed: Listed,
  page: Page,
): Promise<ListSessionsResponse> {
  const found = await sessionsOf(sessions, listed);
  if (page.order === undefined) {
    // The names give an order too, so that pages go together.
    const shown = shownOf(found.sort(byName), page);
    return { sessions: await withTimes(sessions, shown), ...numbersOf(found.length, page) };
  }
  const sorted = (await withTimes(sessions, found)).sort(byTime(page.order));
  return { sessions: shownOf(sorted, page), ...numbersOf(sorted.length, page) };
}

async function sessionsOf(sessions: OwnSessions, { tenant, appName, userId }: Listed): Promise<Found[]> {
  const who = userId === undefined ? { tenant } : { tenant, user: nameOf(userId, "userId") };
  const beginning = beginningOf(appName);
  const found: Found[] = [];
  for (let after: string | undefined, done = false; !done; ) {
    const page = await sessions.list(who, { limit: PAGE, after });
    found.push(...page.sessions.filter(({ identity }) => identity.session.startsWith(beginning)));
    after = page.next;
    done = after === undefined;
  }
  return found;
}

/** The sessions as ADK lists them: without events and state. */
async function withTimes(sessions: OwnSessions, found: readonly Found[]): Promise<AdkSession[]> {
  const shown: AdkSession[] = [];
  for (let at = 0; at < found.length; at += AT_ONCE) {
    const some = await Promise.all(found.slice(at, at + AT_ONCE).map((each) => withTime(sessions, each)));
    // One may have been deleted meanwhile.
    shown.push(...some.filter((session) => session !== undefined));
  }
  return shown;
}

async function withTime(
  sessions: OwnSessions,
  { identity, metadata, updatedAt }: Found,
): Promise<AdkSession | undefined> {
  return unlessMissing(async () => {
    const updated = await sessions.sessionState(identity).get(UPDATED);
    return createSession({
      id: metadata.sessionId,
      appName: metadata.appName,
      userId: userIdOf(identity, metadata),
      lastUpdateTime: typeof updated === "number" ? updated : updatedAt.getTime(),
    });
  });
}

function byName({ identity: one }: Found, { identity: other }: Found): number {
  return compareText(one.session, other.session) || compareText(one.user, other.user);
}

function byTime(order: "asc" | "desc"): (one: AdkSession, other: AdkSession) => number {
  const sign = order === "asc" ? 1 : -1;
  return (one, other) =>
    sign * (one.lastUpdateTime - other.lastUpdateTime) ||
    compareText(one.id, other.id) ||
    compareText(one.userId, other.userId);
}
