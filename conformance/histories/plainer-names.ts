import { type Identity, userIdentity } from "../../src/index.js";
import type { Script } from "./script.js";

const ROLES = ["tenant", "user", "session", "run", "event"] as const;
type Role = (typeof ROLES)[number];

const FIELDS: Readonly<Record<Role, readonly string[]>> = {
  tenant: ["tenant"],
  user: ["user"],
  session: ["session"],
  run: ["run"],
  event: ["eventId", "expect"],
};
/** Stands for the user or session of an identity that has none. */
const NOBODY = "~";

/** Each gives a script plain names in one role: where it still fails, those names are not the cause. */
export const plainerNames = ROLES.map((role) => (script: Script) => plainer(script, role));

function plainer({ world, steps }: Script, role: Role): Script {
  const names = new Map<string, string>();
  const rename = (name: string) => {
    const plain = names.get(name) ?? (names.size === 0 ? role : `${role}-${names.size + 1}`);
    names.set(name, plain);
    return plain;
  };
  const identities = renamed(world.identities, role, rename);
  return { world: { ...world, identities }, steps: renamed(steps, role, rename) };
}

/** A copy with other names in the fields of a role. */
function renamed<T>(value: T, role: Role, rename: (name: string) => string): T {
  if (Array.isArray(value)) return value.map((each) => renamed(each, role, rename)) as T;
  if (typeof value !== "object" || value === null || isData(value)) return value;
  const copy = Object.fromEntries(
    Object.entries(value).map(([field, each]: [string, unknown]) => {
      const isName = typeof each === "string" && each !== NOBODY && FIELDS[role].includes(field);
      return [field, isName ? rename(each) : renamed(each, role, rename)];
    }),
  );
  // Of the state of a user only what `userIdentity` made counts.
  const { tenant, user, session } = copy as Partial<Identity>;
  return (session === NOBODY ? userIdentity(tenant as string, user as string) : copy) as T;
}

function isData(value: object): boolean {
  return value instanceof Date || value instanceof Uint8Array;
}
