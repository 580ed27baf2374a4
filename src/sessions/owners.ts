import type { EventId, Identity, SessionIdentity } from "../contract/store.js";
import { isReserved, tenantIdentity, userIdentity } from "../identity/identity.js";
import { newEventId } from "../process/event-id.js";
import { copySession } from "../typed/cell.js";
import { digestOf } from "../typed/names.js";
import { readNamed } from "../validation/validate.js";

/** The user whose sessions or state are meant. */
export type UserRef = Pick<SessionIdentity, "tenant" | "user">;

/** All users of a tenant. */
export interface TenantRef {
  /** The tenant. */
  readonly tenant: string;
}

/** The session to create: without `session` an id is made. */
export interface NewSessionIdentity extends UserRef {
  /** The session's name; generated if absent. */
  readonly session?: string;
}

/** The identity of a user's own records. Ignores further properties, so that a session's identity can be passed. */
export function readUser(user: UserRef): Identity {
  const { tenant, user: name } = { ...user };
  return userIdentity(tenant, name);
}

/** The user's own identity, or the tenant's where `who` names no user. Ignores further properties. */
export function readUserOrTenant(who: UserRef | TenantRef): Identity {
  const given = { ...who };
  return "user" in given ? readUser(given) : tenantIdentity(given.tenant);
}

/** Whether an identity that `readUserOrTenant` returned is that of a tenant. */
export function isTenant({ user }: Identity): boolean {
  return isReserved(user);
}

/** Refuses unknown properties: with a misspelt `session` a session of another name would be created. */
export function readNewIdentity(identity: NewSessionIdentity): NewSessionIdentity {
  return readNamed({ ...identity }, "identity", ["tenant", "user", "session", "run"]) as NewSessionIdentity;
}

/** The identity of a session to create: one without a name gets one, of an event id always the same. */
export function newOwner(identity: NewSessionIdentity, eventId: EventId | undefined): SessionIdentity {
  const session = eventId === undefined ? newEventId() : digestOf("session", identity?.user, eventId);
  return copySession({ session, ...readNewIdentity(identity) });
}

/** The identity of the own records of a session's user. */
export function userOf({ tenant, user }: SessionIdentity): Identity {
  return userIdentity(tenant, user);
}
