import type { Identity, UserIdentity } from "../contract/store.js";
import { readNamed } from "../validation/validate.js";
import { tenantIdentity, userIdentity } from "./identity.js";

/** Whose state is meant: that of a user, whatever the session, or that of a whole tenant. */
export type StateOf = UserIdentity | { readonly tenant: string };

/** Reads whose state is meant. A session is refused: its caller may mean that session alone. */
export function readStateOf(identity: StateOf): Identity {
  const given = readNamed(identity, "identity", ["tenant", "user"]) as { tenant: string; user?: string };
  const { tenant, user } = given;
  return "user" in given ? userIdentity(tenant, user as string) : tenantIdentity(tenant);
}
