import { wrongType } from "../contract/errors.js";
import type { SessionIdentity, UserIdentity } from "../contract/store.js";
import { safeName } from "../identity/safe-name.js";
import { readNamed } from "../validation/validate.js";

/**
 * Whose state an adapter keeps: a user, or a function that says whose a call is. Take both names from the login, never from
 * what a client sends: ids from outside, such as those of threads, cannot cross them.
 */
export type Owner<Context = void> = UserIdentity | ((context: Context) => UserIdentity);

/** Checks an owner, as far as it can be checked before a call. INVALID_RECORD. */
export function readOwner<Context>(owner: unknown): (context: Context) => UserIdentity {
  if (typeof owner === "function") return (context) => copyOwner(owner(context));
  const copy = copyOwner(owner);
  return () => copy;
}

/** The same, with the session in which an adapter keeps what is the owner's. */
export function readOwnSession<Context = void>(
  owner: unknown,
  session: string,
): (context: Context) => SessionIdentity {
  const ownerOf = readOwner<Context>(owner);
  return (context) => ({ ...ownerOf(context), session });
}

/** The same, with the session that an id from outside names, whatever text that is. */
export function readSessionOf(owner: unknown): (id: string) => SessionIdentity {
  const ownerOf = readOwner<void>(owner);
  return (id) => ({ ...ownerOf(), session: safeName(id) });
}

/**
 * The tenant whose state an adapter keeps, where the framework says which user a call is of; or a function that says whose a call
 * is. Take the tenant from the login, never from what a client sends.
 */
export type TenantOwner<Context = void> =
  | { readonly tenant: string }
  | ((context: Context) => { readonly tenant: string });

/** Checks such an owner, as far as it can be checked before a call. INVALID_RECORD. */
export function readTenantOwner<Context>(owner: unknown): (context: Context) => string {
  const tenantOf = (given: unknown) => (readNamed(given, "owner", ["tenant"]) as { tenant: string }).tenant;
  if (typeof owner === "function") return (context) => tenantOf(owner(context));
  const tenant = tenantOf(owner);
  return () => tenant;
}

/** The names themselves are checked by the wrappers, with each call. */
function copyOwner(owner: unknown): UserIdentity {
  if (typeof owner !== "object" || owner === null) throw wrongType("owner", "{ tenant, user }", owner);
  const { tenant, user } = owner as UserIdentity;
  return { tenant, user };
}
