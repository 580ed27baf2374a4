import type { Slot } from "../contract/driver.js";
import type { Identity, RecordKey } from "../contract/store.js";
import { trust } from "../process/trusted-objects.js";
import { readName } from "../validation/validate-text.js";

/** In place of a user or session that is missing. Nothing from outside may begin with it. */
const NOBODY = "~";

/** The identity of state that belongs to a whole tenant. Call it again on the far side of JSON, queues and threads. */
export function tenantIdentity(tenant: string): Identity {
  return trust({ tenant: readName(tenant, "tenant"), user: NOBODY, session: NOBODY });
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
  return trust({ tenant: readName(tenant, "tenant"), user: readName(user, "user"), session: NOBODY });
}

/** The public identity of a slot the store hands out; without `run` when it has none. */
export function identityOf(slot: Omit<Slot, "kind">): Identity {
  const { tenant, user, session, run } = slot;
  const identity: Identity = run === "" ? { tenant, user, session } : { tenant, user, session, run };
  return user.startsWith(NOBODY) || session.startsWith(NOBODY) ? trust(identity) : identity;
}

/** Where a damaged record lies, which need not be a place that anything could be saved at. */
export function recordKeyOf(slot: Slot): RecordKey {
  return trust({ identity: Object.freeze(identityOf(slot)), kind: slot.kind });
}
