import { identityRequired, invalid } from "../contract/errors.js";
import { readNamed } from "../validation/validate.js";
import { readName } from "../validation/validate-text.js";
import type { Scope } from "./cells.js";

export const SCOPE_FIELDS = ["tenant", "user", "session", "run"] as const;

/**
 * Checks and copies a scope. Refuses a part that is present but undefined: without it the scope would be wider than the
 * caller meant. IDENTITY_REQUIRED.
 */
export function readScope(value: unknown): Scope {
  const given = readNamed(value, "scope", SCOPE_FIELDS) as Record<string, unknown>;
  const scope: { -readonly [K in keyof Scope]: Scope[K] } = { tenant: readName(given.tenant, "tenant") };
  for (const [index, name] of SCOPE_FIELDS.entries()) {
    // An empty run means no run, as in every identity.
    if (!(name in given) || index === 0 || (name === "run" && given.run === "")) continue;
    const parent = SCOPE_FIELDS[index - 1] as keyof Scope;
    if (scope[parent] === undefined) throw identityRequired(parent);
    scope[name] = readName(given[name], name);
  }
  return scope;
}

/** Reads a user; a session is refused. */
export function readUser(value: unknown): { readonly tenant: string; readonly user: string } {
  const { tenant, user, session } = readScope(value);
  if (user === undefined) throw identityRequired("user");
  if (session !== undefined) throw invalid("session", "left out: this is about a whole user");
  return { tenant, user };
}

export function readTenant(value: unknown): string {
  const { tenant, user } = readScope(value);
  if (user !== undefined) throw invalid("user", "left out: this is about a whole tenant");
  return tenant;
}
