import type { CompositeSessionKey } from "@google/adk";
import { wrongType } from "../../contract/errors.js";
import { LIMITS } from "../../contract/limits.js";
import type { SessionIdentity } from "../../contract/store.js";
import { safeName } from "../../identity/safe-name.js";
import { digestOf } from "../../typed/names.js";

/** What the session's metadata say of it: the ids as they were given. */
export type SessionMetadata = Readonly<CompositeSessionKey>;

/** No other session is called this: `safeName` writes a `%` only before an escape, and `%ad` is none. */
const SESSIONS = "%adk/";
/** Leaves room for the id of a session. */
const APP_BYTES = 100;
/** Before a digest that stands for a whole name. No name that `safeName` makes begins like this. */
const DIGEST = "%.";

/** A session of a user is a session of the store, whose name is made of the app's and the session's id. */
export function sessionAt(
  tenant: string,
  { appName, userId, sessionId }: CompositeSessionKey,
): SessionIdentity {
  const beginning = beginningOf(appName);
  const name = nameOf(sessionId, "sessionId");
  const whole = beginning + name;
  const session = Buffer.byteLength(whole) <= LIMITS.nameBytes ? whole : beginning + DIGEST + digestOf(name);
  return { tenant, user: nameOf(userId, "userId"), session };
}

/** What the names of all sessions of an app begin with, and no others. */
export function beginningOf(appName: string): string {
  const name = nameOf(appName, "appName");
  return `${SESSIONS}${Buffer.byteLength(name) <= APP_BYTES ? name : DIGEST + digestOf(name)}/`;
}

/** What the keys of an app begin with in the state of a user, and in that of the tenant. */
export function stateOf(appName: string): string {
  return `adk/${nameOf(appName, "appName")}/`;
}

/** The user as ADK knows it. Sessions that were moved to another user are that one's. */
export function userIdOf({ user }: SessionIdentity, { userId }: SessionMetadata): string {
  return safeName(userId) === user ? userId : user;
}

export function nameOf(text: unknown, field: string): string {
  if (typeof text !== "string") throw wrongType(field, "a string", text);
  return safeName(text);
}
