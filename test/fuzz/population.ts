import type { Slot, StoredRecord } from "../../src/contract/driver.js";
import type { Identity, NewRecord, StateStore } from "../../src/contract/store.js";
import { tenantIdentity, userIdentity } from "../../src/identity/identity.js";
import { slotKey } from "../../src/rules/slot-key.js";
import { validateRecord } from "../../src/validation/validate.js";

/** What a store acknowledged: every write, and what each slot must show by now. */
export interface Population {
  readonly writes: readonly StoredRecord[];
  readonly current: ReadonlyMap<string, StoredRecord>;
}

/** Whose state it is. The last tenant has the users, sessions and event ids of the first. */
export const IDENTITIES: readonly Identity[] = [
  { tenant: "acme", user: "ann", session: "s1" },
  { tenant: "acme", user: "ann", session: "s1", run: "r1" },
  { tenant: "acme", user: "ann", session: "s2" },
  { tenant: "acme", user: "bob", session: "s1" },
  tenantIdentity("acme"),
  userIdentity("acme", "ann"),
  { tenant: "globex", user: "ann", session: "s1" },
];
export const TENANTS = ["acme", "globex"];
export const ERASED: Identity = { tenant: "acme", user: "bob", session: "s3" };
export const PREFIX = "note";

const KINDS = ["note", "note/a", "note/\u{1F600}", "other"];
/** Some fill pages of their own. */
const SIZES = [0, 1, 17, 300, 5_000, 40, 900, 3];
/** Longer than what is hashed in one go: of one record. */
const LARGE = 70_000;
const DELETED = "note/deleted";

/** Saves, overwrites, deletes and erases, so that everything a database holds of a store is there. */
export async function populate(store: StateStore): Promise<Population> {
  const writes: StoredRecord[] = [];
  const current = new Map<string, StoredRecord>();
  const save = async (identity: Identity, kind: string, eventId: string) => {
    const size = writes.length === 7 ? LARGE : (SIZES[writes.length % SIZES.length] as number);
    const given = recordOf(identity, kind, eventId, size, writes.length);
    await store.save(given);
    const stored = validateRecord(given, { now: 0 });
    writes.push(stored);
    current.set(slotKey(stored), stored);
  };
  for (const [index, identity] of IDENTITIES.entries()) {
    const owner = identity.tenant === "globex" ? 0 : index;
    for (const kind of KINDS) {
      if (kind.length % 2 === index % 2) await save(identity, kind, `${owner}/${kind}/before`);
      await save(identity, kind, `${owner}/${kind}`);
    }
    await save(identity, DELETED, `${owner}/${DELETED}`);
    await store.delete(identity, DELETED);
    current.delete(slotKey(slotAt(identity, DELETED)));
  }
  await save(ERASED, "note", "erased");
  await store.erase(ERASED);
  current.delete(slotKey(slotAt(ERASED, "note")));
  return { writes, current };
}

export function slotAt(identity: Identity, kind: string): Slot {
  const { tenant, user, session, run = "" } = identity;
  return { tenant, user, session, run, kind };
}

/** A record whose payload, version and time follow from its number. */
export function recordOf(
  identity: Identity,
  kind: string,
  eventId: string,
  size: number,
  number: number,
): NewRecord {
  const bytes = Uint8Array.from({ length: size }, (_, index) => (index * 31 + number * 7) & 255);
  return { eventId, identity, kind, bytes, version: number * 1_000_003, updatedAt: new Date(number * 1e9) };
}
