import type { Identity, SessionIdentity } from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import { readNamed } from "../validation/validate.js";

/** Whose sessions, or whose state. */
export type UserRef = Pick<SessionIdentity, "tenant" | "user">;

/** The session to create: without `session` an id is made. */
export interface NewSessionIdentity extends UserRef {
  /** The session's own name; made when it is left out. */
  readonly session?: string;
}

/** The identity of what belongs to a user, whatever else the object names. */
export function readUser(user: UserRef): Identity {
  const { tenant, user: name } = { ...user };
  return userIdentity(tenant, name);
}

/** A session to create, nothing else named: a slip in `session` must not make one of another name. */
export function readNewIdentity(identity: NewSessionIdentity): NewSessionIdentity {
  return readNamed({ ...identity }, "identity", ["tenant", "user", "session", "run"]) as NewSessionIdentity;
}

/** The identity of what belongs to the user of a session. */
export function userOf({ tenant, user }: SessionIdentity): Identity {
  return userIdentity(tenant, user);
}
