import type { Slot } from "../contract/driver.js";
import type { Identity, RecordKey } from "../contract/store.js";
import { trust } from "../process/trusted-objects.js";
import { readName } from "../validation/validate-text.js";

/** Stands for a missing user or session. No name given by a caller may begin with it. */
const RESERVED = "~";

/**
 * The identity of state that belongs to a whole tenant. A copy made by JSON or `structuredClone` is refused: call this
 * function again in the other process or thread.
 */
export function tenantIdentity(tenant: string): Identity {
  return trust({ tenant: readName(tenant, "tenant"), user: RESERVED, session: RESERVED });
}

/**
 * The identity of state that belongs to a user, whatever the session.
 *
 * @example
 * ```ts
 * import { userIdentity } from "groundstate";
 *
 * const settings = await store.find(userIdentity("acme", "ada"), "settings");
 * console.log(settings?.version);
 * ```
 */
export function userIdentity(tenant: string, user: string): Identity {
  return trust({ tenant: readName(tenant, "tenant"), user: readName(user, "user"), session: RESERVED });
}

/** The identity of a slot, as the store returns it; without `run` if that is empty. */
export function identityOf(slot: Omit<Slot, "kind">): Identity {
  const { tenant, user, session, run } = slot;
  const identity: Identity = run === "" ? { tenant, user, session } : { tenant, user, session, run };
  return isReserved(user) || isReserved(session) ? trust(identity) : identity;
}

/** Whether a stored user or session stands for the state of a tenant or user. */
export function isReserved(name: string): boolean {
  return name.startsWith(RESERVED);
}

/** The key of a damaged record, under which nothing could be saved if the damage is in the key itself. */
export function recordKeyOf(slot: Slot): RecordKey {
  return trust({ identity: Object.freeze(identityOf(slot)), kind: slot.kind });
}
