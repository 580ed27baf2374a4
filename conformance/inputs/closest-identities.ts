import {
  type Identity,
  LIMITS,
  type Slot,
  tenantIdentity,
  userIdentity,
  validateIdentity,
} from "../../src/index.js";

/** Stands for the user or session of an identity that has none. Only `tenantIdentity` and `userIdentity` may write it. */
const NOBODY = "~";
/** Separators of joined keys, paths and ranges. A name followed by one of them shares its prefix with the name alone. */
const SEPARATORS = [":", "/", "|", ".", "-", " ", "%", "_", "\u001f"];

type Owner = Omit<Slot, "kind">;

/** Identities of the same tenant whose user or session sorts directly before or behind, by bytes. */
export function closestInTenant(owner: Owner): Identity[] {
  return renamed(owner, (name) => [nameBefore(name), nameBehind(name)]);
}

/** Identities of the same tenant whose user or session has the owner's as its prefix. */
export function identitiesWithSamePrefix(owner: Owner): Identity[] {
  return renamed(owner, (name) => SEPARATORS.map((joint) => `${name}${joint}another`));
}

/** The same user, session and run of the tenant directly before. */
export function inTenantBefore(owner: Owner): Identity[] {
  return validIdentities({ ...owner, tenant: nameBefore(owner.tenant) });
}

/** The same user, session and run of the tenant directly behind. */
export function inTenantBehind(owner: Owner): Identity[] {
  return validIdentities({ ...owner, tenant: nameBehind(owner.tenant) });
}

function renamed(owner: Owner, names: (name: string) => string[]): Identity[] {
  const fields = (["user", "session"] as const).filter((field) => owner[field] !== NOBODY);
  return fields.flatMap((field) =>
    names(owner[field]).flatMap((name) => validIdentities({ ...owner, [field]: name })),
  );
}

/** Leaves out identities whose names are invalid. */
function validIdentities({ tenant, user, session, run }: Owner): Identity[] {
  try {
    if (user === NOBODY) return [tenantIdentity(tenant)];
    if (session === NOBODY) return [userIdentity(tenant, user)];
    validateIdentity({ tenant, user, session, run });
    return [run === "" ? { tenant, user, session } : { tenant, user, session, run }];
  } catch {
    return [];
  }
}

/** No case of the suite uses a name like this. */
function nameBefore(name: string): string {
  const before = stepped(name, -1);
  return fitting(`${before}\u{10ffff}~`, before);
}

function nameBehind(name: string): string {
  return fitting(`${name}\u0001~`, stepped(name, 1));
}

function fitting(long: string, short: string): string {
  return Buffer.byteLength(long) <= LIMITS.nameBytes ? long : short;
}

/** The name with its last character moved by one: no name at all where that leads out of Unicode. */
function stepped(name: string, by: 1 | -1): string {
  const characters = Array.from(name);
  const code = (characters.pop()?.codePointAt(0) ?? 0) + by;
  return code > 0 && code <= 0x10ffff ? characters.join("") + String.fromCodePoint(code) : "";
}
