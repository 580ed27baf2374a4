import {
  type Identity,
  LIMITS,
  type Slot,
  tenantIdentity,
  userIdentity,
  validateIdentity,
} from "../../src/index.js";

/** In place of the user or session of an identity that has none. Its makers alone may write it. */
const NOBODY = "~";
/** What a name is joined with in a key, a path or a range: a name that goes on with one of these begins like the name alone. */
const JOINTS = [":", "/", "|", ".", "-", " ", "%", "_", "\u001f"];

type Owner = Omit<Slot, "kind">;

/** Those of the same tenant whose user or session comes directly before or behind, in the order of bytes. */
export function closestInTenant(owner: Owner): Identity[] {
  return renamed(owner, (name) => [nameBefore(name), nameBehind(name)]);
}

/** Those of the same tenant whose user or session begins with the whole of the owner's. */
export function begunAlike(owner: Owner): Identity[] {
  return renamed(owner, (name) => JOINTS.map((joint) => `${name}${joint}another`));
}

/** The same user, session and run of the tenant directly before. */
export function inTenantBefore(owner: Owner): Identity[] {
  return made({ ...owner, tenant: nameBefore(owner.tenant) });
}

/** The same user, session and run of the tenant directly behind. */
export function inTenantBehind(owner: Owner): Identity[] {
  return made({ ...owner, tenant: nameBehind(owner.tenant) });
}

function renamed(owner: Owner, names: (name: string) => string[]): Identity[] {
  const fields = (["user", "session"] as const).filter((field) => owner[field] !== NOBODY);
  return fields.flatMap((field) => names(owner[field]).flatMap((name) => made({ ...owner, [field]: name })));
}

/** None where a name cannot be. */
function made({ tenant, user, session, run }: Owner): Identity[] {
  try {
    if (user === NOBODY) return [tenantIdentity(tenant)];
    if (session === NOBODY) return [userIdentity(tenant, user)];
    validateIdentity({ tenant, user, session, run });
    return [run === "" ? { tenant, user, session } : { tenant, user, session, run }];
  } catch {
    return [];
  }
}

/** The suite's cases use none of these names, whatever they make of their own. */
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
