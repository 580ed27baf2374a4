import type { ClientPool } from "../../drivers/postgres/client-pool.js";
import type { Commit, Driver, Layer, Slot, StoredRecord, Write } from "../../src/contract/driver.js";
import { type Identity, maintenanceScope, newEventId, type StateStore } from "../../src/index.js";
import { commit, DAY, record, SLOT } from "../drivers/postgres-rig.js";

/** A call with a bad value somewhere in it. */
export type BadCall<On> = (on: On, bad: never) => Promise<unknown>;

const OWNER: Identity = { tenant: "bad", user: "bad", session: "bad", run: "bad" };
const BYTES = new TextEncoder().encode("bad");

const saved = (fields: object) => ({
  eventId: newEventId(),
  identity: OWNER,
  kind: "bad",
  bytes: BYTES,
  ...fields,
});
const scope = maintenanceScope({ reason: "a bad call", tenant: "bad" });

/** By whoever calls the store. */
export const STORE_CALLS: readonly BadCall<StateStore>[] = [
  ...(["tenant", "user", "session", "run"] as const).flatMap((field): BadCall<StateStore>[] => [
    (store, bad) => store.save(saved({ identity: { ...OWNER, [field]: bad } })),
    (store, bad) => store.find({ ...OWNER, [field]: bad }, "bad"),
    (store, bad) => store.list({ ...OWNER, [field]: bad }, ""),
  ]),
  ...(["eventId", "kind", "bytes", "version", "updatedAt", "identity"] as const).map(
    (field): BadCall<StateStore> =>
      (store, bad) =>
        store.save(saved({ [field]: bad })),
  ),
  (store, bad) => store.save(saved({}), { expect: bad }),
  (store, bad) => store.save(saved({}), bad),
  (store, bad) => store.load(OWNER, bad),
  (store, bad) => store.load(bad, "bad"),
  (store, bad) => store.loadByEventId(OWNER, bad),
  (store, bad) => store.delete(OWNER, bad),
  (store, bad) => store.delete(OWNER, "bad", { expect: bad }),
  (store, bad) => store.commit(bad),
  (store, bad) => store.commit([{ op: "save", record: saved({}) }, bad]),
  (store, bad) =>
    store.commit([
      { op: "save", record: saved({}) },
      { op: bad, identity: OWNER, kind: "other" },
    ]),
  (store, bad) => store.commit([{ op: "check", identity: OWNER, kind: bad, expect: null }]),
  (store, bad) => store.commit([{ op: "check", identity: OWNER, kind: "bad", expect: bad }]),
  (store, bad) => store.list(OWNER, bad),
  (store, bad) => store.list(OWNER, "", { after: bad }),
  (store, bad) => store.list(OWNER, "", { limit: bad }),
  (store, bad) => store.listKind(bad, "bad"),
  (store, bad) => store.listKind(scope, bad),
  (store, bad) => store.listKind(scope, "bad", { after: bad }),
  (store, bad) => store.listKind(scope, "bad", { after: { identity: OWNER, kind: bad } }),
  (store, bad) => store.erase({ tenant: "bad", user: "bad", session: bad }),
];

const SLOT_FIELDS = ["tenant", "user", "session", "run", "kind"] as const;
const RECORD_FIELDS = [...SLOT_FIELDS, "eventId", "fingerprint", "version", "updatedAt", "bytes"] as const;
const SESSION_FIELDS = ["tenant", "user", "session"] as const;
const BAD_SLOT: Slot = { ...SLOT, tenant: "bad" };
const PAGE = { prefix: "", limit: 10, maxBytes: 1000, reverse: false };

/** By whoever calls the driver, and so passes by everything that checks. */
export const DRIVER_CALLS: readonly BadCall<Driver>[] = [
  ...RECORD_FIELDS.map(
    (field): BadCall<Driver> =>
      (driver, bad) =>
        driver.apply([commit({ op: "save", record: { ...record({ tenant: "bad" }), [field]: bad } })], TIMES),
  ),
  ...SLOT_FIELDS.flatMap((field): BadCall<Driver>[] => [
    (driver, bad) => driver.read([{ ...BAD_SLOT, [field]: bad }]),
    (driver, bad) => driver.read([BAD_SLOT, { ...BAD_SLOT, [field]: bad }]),
    (driver, bad) => driver.apply([commit({ op: "delete", slot: { ...BAD_SLOT, [field]: bad } })], TIMES),
    (driver, bad) => driver.scan({ ...PAGE, tenant: "bad", after: { ...BAD_SLOT, [field]: bad } }),
  ]),
  (driver, bad) => driver.apply([bad], TIMES),
  (driver, bad) => driver.apply(bad, TIMES),
  (driver, bad) => driver.apply([commit({ op: "delete", slot: BAD_SLOT, expect: bad })], TIMES),
  (driver, bad) => driver.apply([commit({ op: "delete", slot: BAD_SLOT })], { now: 0, window: bad }),
  (driver, bad) => driver.read([bad]),
  (driver, bad) => driver.read(bad),
  ...SESSION_FIELDS.flatMap((field): BadCall<Driver>[] => [
    (driver, bad) => driver.readByEventId({ ...BAD_SLOT, [field]: bad }, "bad"),
    (driver, bad) => driver.apply([erase({ ...BAD_SLOT, [field]: bad })], TIMES),
    (driver, bad) => driver.sweep({ ...BAD_SLOT, [field]: bad }),
  ]),
  (driver, bad) => driver.readByEventId(BAD_SLOT, bad),
  (driver, bad) => driver.scan({ ...PAGE, tenant: "bad", prefix: bad }),
  (driver, bad) => driver.scan({ ...PAGE, tenant: "bad", limit: bad }),
  (driver, bad) => driver.scan({ ...PAGE, tenant: "bad", maxBytes: bad }),
];
const TIMES = { now: 0, window: DAY };

function erase({ tenant, user, session }: Slot): Commit {
  return { tenant: "bad", writes: [{ op: "erase", session: { tenant, user, session } }] };
}

/** By whoever calls the pool of clients, and so passes by all that makes text of things. */
export const POOL_CALLS: readonly BadCall<ClientPool>[] = ["text", "text", "bytea"].map(
  (type) => (pool, bad) => pool.run(`SELECT $1::${type} AS value`, [bad], "read"),
);

/** Whose calls the layer spoils. */
const SPOILED: Identity = { tenant: "spoiled", user: "spoiled", session: "spoiled" };

/** As they should be, until the layer spoils them. */
export const SPOILED_CALLS: readonly ((store: StateStore) => Promise<unknown>)[] = [
  (store) => store.save(saved({ identity: SPOILED })),
  (store) => store.find(SPOILED, "bad"),
  (store) => store.delete(SPOILED, "bad"),
  (store) => store.commit([{ op: "check", identity: SPOILED, kind: "bad", expect: null }]),
];

/** A layer that makes bad, on its way to the driver, what the store checked and put beside others' calls. */
export const spoiling =
  (nextBad: () => unknown): Layer =>
  (driver) => {
    let turn = 0;
    const spoil = <T extends Slot>(slot: T, fields: readonly string[]): T =>
      slot.tenant === SPOILED.tenant
        ? { ...slot, [fields[turn++ % fields.length] as string]: nextBad() }
        : slot;
    const spoilWrite = (write: Write): Write =>
      write.op === "erase"
        ? write
        : write.op === "save"
          ? { ...write, record: spoil<StoredRecord>(write.record, RECORD_FIELDS) }
          : { ...write, slot: spoil(write.slot, SLOT_FIELDS) };
    return {
      apply: (commits, options) =>
        driver.apply(
          commits.map(({ tenant, writes }) => ({ tenant, writes: writes.map(spoilWrite) })),
          options,
        ),
      read: (slots) => driver.read(slots.map((slot) => spoil(slot, SLOT_FIELDS))),
      readByEventId: (session, eventId) => driver.readByEventId(session, eventId),
      scan: (query) => driver.scan(query),
      scanSessions: (query) => driver.scanSessions(query),
      sweep: (session) => driver.sweep(session),
      status: () => driver.status(),
      close: () => driver.close(),
    };
  };
