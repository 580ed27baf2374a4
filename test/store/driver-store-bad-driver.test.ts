import { describe, expect, test } from "vitest";
import type { Driver, ScanPage, StoredRecord } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import type { RecordKey, StateStore } from "../../src/contract/store.js";
import { userIdentity } from "../../src/identity/identity.js";
import { maintenanceScope } from "../../src/identity/scope.js";
import { createStore } from "../../src/store/driver-store.js";
import { driverWith, failure, IDENTITY, SLOT, stored, unavailable } from "./store-rig.js";

const SCOPE = maintenanceScope({ reason: "test", tenant: "acme" });

/** A store over a driver that answers every read with these records. */
function storeOf(...records: readonly StoredRecord[]): StateStore {
  return createStore(
    driverWith({
      read: async () => records,
      readByEventId: async () => records[0],
      scan: async () => ({ records, more: false }),
    }),
  );
}

const READS: Readonly<Record<string, (store: StateStore) => Promise<unknown>>> = {
  find: (store) => store.find(IDENTITY, "note"),
  load: (store) => store.load(IDENTITY, "note"),
  loadByEventId: (store) => store.loadByEventId(IDENTITY, "e1"),
  list: (store) => store.list(IDENTITY, ""),
  listKind: (store) => store.listKind(SCOPE, "note"),
};
const reads = Object.entries(READS);

describe("a record of another tenant is never returned", () => {
  test.each(reads)("by %s, and the error does not contain its key", async (_, read) => {
    const foreign = { ...SLOT, tenant: "other" };
    for (const slot of [foreign, { ...foreign, user: "~", session: "~" }, { ...foreign, user: "bob" }]) {
      const error = await failure(read(storeOf(stored(slot))));
      if (error.code !== "NOT_FOUND") expect(error).toMatchObject({ code: "CORRUPT", details: {} });
      expect(JSON.stringify({ ...error, message: error.message })).not.toMatch(/other|bob/);
    }
  });
});

describe("a record that was not asked for is not returned", () => {
  test.each([
    ["find", "user"],
    ["find", "session"],
    ["find", "run"],
    ["find", "kind"],
    ["list", "user"],
    ["list", "session"],
    ["list", "run"],
    ["loadByEventId", "eventId"],
  ] as const)("by %s, when it is of another %s", async (read, field) => {
    const error = await failure(READS[read]?.(storeOf(stored({ [field]: "other" }))) as Promise<unknown>);
    expect(error).toMatchObject({ code: "CORRUPT", details: {} });
  });

  test.each(["user", "session"])(
    "by loadByEventId of another %s, which is as if it did not exist",
    async (field) => {
      const damaged = stored({ [field]: "other", fingerprint: "A".repeat(43) });
      expect(await failure(storeOf(damaged).loadByEventId(IDENTITY, "e1"))).toMatchObject({
        code: "NOT_FOUND",
        details: {},
      });
    },
  );
});

describe("a damaged record is CORRUPT, with its key", () => {
  const intact = stored();
  const damage: Readonly<Record<string, Partial<Record<keyof StoredRecord, unknown>>>> = {
    "a flipped byte": { bytes: Buffer.from("y") },
    "a lost byte": { bytes: Buffer.alloc(0) },
    "no bytes": { bytes: undefined },
    "bytes that are text": { bytes: "x" },
    "another version": { version: 1 },
    "a version that is a string": { version: "0" },
    "a version that is no integer": { version: 0.5 },
    "a negative version": { version: -1 },
    "no version": { version: undefined },
    "no time": { updatedAt: Number.NaN },
    "a time past the year 9999": { updatedAt: 253_402_300_800_000 },
    "a time that is a string": { updatedAt: "1" },
    "another fingerprint": { fingerprint: "A".repeat(43) },
    "a short fingerprint": { fingerprint: intact.fingerprint.slice(1) },
    "no fingerprint": { fingerprint: null },
  };
  test.each(Object.entries(damage))("%s", async (_, fields) => {
    for (const [name, read] of reads) {
      const error = await failure(read(storeOf({ ...intact, ...fields } as StoredRecord)));
      expect({ name, code: error.code, details: error.details }).toEqual({
        name,
        code: "CORRUPT",
        details: { at: { identity: IDENTITY, kind: "note" } },
      });
    }
  });

  test("an event id that is not a string", async () => {
    for (const value of [undefined, null, 7, "x".repeat(70_000)]) {
      const broken = { ...intact, eventId: value } as unknown as StoredRecord;
      for (const read of ["find", "load", "list", "listKind"]) {
        const error = await failure(READS[read]?.(storeOf(broken)) as Promise<unknown>);
        expect(error.details).toEqual({ at: { identity: IDENTITY, kind: "note" } });
      }
    }
  });

  test.each(["tenant", "user", "session", "run", "kind"])(
    "and without a key if its %s is not a string",
    async (field) => {
      for (const value of [undefined, null, 7, "x".repeat(70_000)]) {
        const broken = { ...intact, [field]: value } as unknown as StoredRecord;
        const all = maintenanceScope({ reason: "test", allTenants: true });
        const error = await failure(storeOf(broken).listKind(all, "note"));
        expect([error.code, error.details]).toEqual(["CORRUPT", {}]);
      }
    },
  );

  test.each([
    { user: "" },
    { session: "s".repeat(400) },
    { run: "~" },
    { tenant: "~t" },
    { kind: `note\0${"\u{FFFD}".repeat(400)}` },
  ])("its place may be gone on from where nothing could be saved: %j", async (fields) => {
    const all = maintenanceScope({ reason: "test", allTenants: true });
    const broken = stored({ ...fields, fingerprint: "A".repeat(43) });
    const error = await failure(storeOf(broken).listKind(all, "note"));
    const { at } = error.details as { at: RecordKey };
    expect(at).toMatchObject({ kind: broken.kind });
    expect(await createStore(driverWith({})).listKind(all, "note", { after: at })).toEqual([]);
    const copy = structuredClone(at);
    if (!("run" in fields || "tenant" in fields))
      expect((await failure(storeOf().listKind(all, "note", { after: copy }))).code).toMatch(
        /INVALID_RECORD|IDENTITY_REQUIRED/,
      );
  });

  test("a scan may go on after the key of a damaged record of a user's own state", async () => {
    const { tenant, user, session } = userIdentity("acme", "ann");
    const broken = stored({ tenant, user, session, fingerprint: "A".repeat(43) });
    const error = await failure(storeOf(broken).listKind(SCOPE, "note"));
    const { at } = error.details as { at: { identity: typeof IDENTITY; kind: string } };
    expect(await createStore(driverWith({})).listKind(SCOPE, "note", { after: at })).toEqual([]);
    expect(await createStore(driverWith({})).find(at.identity, "note")).toBeUndefined();
  });
});

describe("a malformed page is UNAVAILABLE, and no scan goes on for ever", () => {
  const pages: Readonly<Record<string, (ask: { after?: unknown; before?: unknown }) => unknown>> = {
    "empty, and more is said to follow": () => ({ records: [], more: true }),
    "without records": () => ({ more: true }),
    "not there": () => undefined,
  };
  test.each(Object.entries(pages))("%s", async (_, page) => {
    const store = createStore(driverWith({ scan: async (ask) => page(ask) as ScanPage }));
    for (const scan of [
      () => store.listKind(SCOPE, "note"),
      () => store.list(IDENTITY, ""),
      () => store.list(IDENTITY, "", { reverse: true }),
    ]) {
      expect(await failure(scan())).toMatchObject({ code: "UNAVAILABLE", details: { reason: "refused" } });
    }
  });
});

describe("a record out of order is CORRUPT without a key, and no scan goes on for ever", () => {
  type Ask = Parameters<Driver["scan"]>[0];
  const pages: Readonly<Record<string, (ask: Ask) => ScanPage>> = {
    "the same again and again": () => ({ records: [stored({ kind: "note" })], more: true }),
    "going back": ({ after, before }) => ({
      records: [stored({ kind: after ? "note/a" : before ? "note/z" : "note/m" })],
      more: true,
    }),
    "twice in a page": () => ({ records: [stored(), stored()], more: false }),
    "in the wrong order": ({ reverse }) => {
      const records = [stored({ kind: "note/b" }), stored({ kind: "note/a" })];
      return { records: reverse ? records.reverse() : records, more: false };
    },
    "of another prefix": () => ({ records: [stored({ kind: "nota" })], more: false }),
    "at the place to go on from": ({ after, before }) => ({
      records: [stored({ kind: (after ?? before)?.kind ?? "note" })],
      more: true,
    }),
  };
  test.each(Object.entries(pages))("%s", async (_, page) => {
    const store = createStore(driverWith({ scan: async (ask) => page(ask) }));
    const after = { identity: IDENTITY, kind: "note/x" };
    for (const scan of [
      () => store.listKind(SCOPE, "note"),
      () => store.listKind(SCOPE, "note", { after }),
      () => store.list(IDENTITY, "note"),
      () => store.list(IDENTITY, "note", { reverse: true }),
    ]) {
      const error = await failure(scan());
      expect([error.code, error.details]).toEqual(["CORRUPT", {}]);
    }
  });

  test("beyond a bound", async () => {
    const store = createStore(driverWith({ scan: async () => ({ records: [stored()], more: false }) }));
    for (const bounds of [{ after: "note" }, { after: "note/a" }, { before: "note" }, { before: "n" }])
      expect((await failure(store.list(IDENTITY, "", bounds))).code).toBe("CORRUPT");
  });
});

describe("what a driver throws", () => {
  const throwing = (error: unknown, when: "at the call" | "later"): Driver => {
    const ask = (): never | Promise<never> => {
      if (when === "at the call") throw error;
      return Promise.reject(error);
    };
    return driverWith({ read: ask, readByEventId: ask, scan: ask });
  };
  test.each(["at the call", "later"] as const)(
    "raw, on a read, %s, is UNAVAILABLE with its cause",
    async (when) => {
      for (const [name, read] of reads) {
        const raw = new TypeError("postgres://user:secret@host");
        const error = await failure(read(createStore(throwing(raw, when))));
        expect(error).toMatchObject({ code: "UNAVAILABLE", cause: raw });
        expect([name, error.message]).toEqual([name, expect.not.stringContaining("secret")]);
      }
    },
  );

  test("as a StateError, on a read, is passed on as it is", async () => {
    const error = unavailable("busy");
    for (const [, read] of reads)
      expect(await failure(read(createStore(throwing(error, "later"))))).toStrictEqual(error);
  });
});

test("null and an empty answer are no record", async () => {
  for (const read of [async () => [], async () => [null], async () => [undefined]]) {
    const store = createStore(
      driverWith({ read: read as unknown as Driver["read"], readByEventId: async () => undefined }),
    );
    expect(await store.find(IDENTITY, "note")).toBeUndefined();
    expect(await failure(store.load(IDENTITY, "note"))).toMatchObject({ code: "NOT_FOUND" });
    expect(await failure(store.loadByEventId(IDENTITY, "e1"))).toMatchObject({ code: "NOT_FOUND" });
  }
});

describe("a driver that answers a write with nonsense leaves no caller waiting", () => {
  const RECORD = { eventId: "e1", identity: IDENTITY, kind: "note", bytes: new Uint8Array() };

  test.each([
    [
      "an error without details",
      async () => Promise.reject(new StateError("UNAVAILABLE", "no", {} as never)),
    ],
    ["an outcome of no kind", async () => [{ is: "wat" }]],
    ["no outcome", async () => [undefined]],
    ["what is only like an array", async () => ({ length: 1, 0: { is: "applied", existed: [false] } })],
    ["a conflict nowhere", async () => [{ is: "conflict" }]],
    ["a condition without a write", async () => [{ is: "condition", current: null }]],
    ["applied, and not what there was", async () => [{ is: "applied", existed: [] }]],
  ])("%s", async (_, apply) => {
    const store = createStore(driverWith({ apply: apply as never }));
    const codes = [];
    for (const call of [() => store.save(RECORD), () => store.delete(IDENTITY, "note")])
      codes.push((await failure(call())).code);
    for (const code of codes) expect(["UNAVAILABLE", "OUTCOME_UNKNOWN"]).toContain(code);
    await store.close();
  });

  test.each(["x", Number.NaN, undefined])("that it erased %o records", async (count) => {
    const store = createStore(
      driverWith({ apply: async () => [{ is: "applied", existed: [false], erased: [count as never] }] }),
    );
    expect((await failure(store.erase(IDENTITY))).code).toBe("OUTCOME_UNKNOWN");
  });
});

test("a store that a getter closes refuses the call", async () => {
  const store = createStore(driverWith({}));
  const record = {
    eventId: "e1",
    kind: "note",
    bytes: new Uint8Array(),
    get identity() {
      void store.close();
      return IDENTITY;
    },
  };
  expect((await failure(store.save(record))).code).toBe("STORE_CLOSED");
});

test.each([0, -1, 1.5, 17, Number.NaN])(
  "a driver that likes %s batches in flight makes no store",
  (inFlight) => {
    expect(() => createStore({ ...driverWith({}), inFlight })).toThrow("inFlight must be");
    expect(() => createStore({ ...driverWith({}), inFlight }, { inFlight: 1 })).not.toThrow();
  },
);
