import type { Identity, SessionIdentity } from "../../contract.js";
import { userIdentity } from "../../identity.js";

/** Whose sessions, or whose state. */
export type UserRef = Pick<SessionIdentity, "tenant" | "user">;

/** The identity of what belongs to a user, whatever else the object names. */
export function readUser(user: UserRef): Identity {
  const { tenant, user: name } = { ...user };
  return userIdentity(tenant, name);
}

/** The identity of what belongs to the user of a session. */
export function userOf({ tenant, user }: SessionIdentity): Identity {
  return userIdentity(tenant, user);
}
