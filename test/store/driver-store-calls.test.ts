import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import type { Commit, Driver, Layer, Write } from "../../src/contract/driver.js";
import type { Change, Identity, NewRecord } from "../../src/contract/store.js";
import { maintenanceScope } from "../../src/identity/scope.js";
import { retrying } from "../../src/layers/index.js";
import { createStore } from "../../src/store/driver-store.js";
import type { StoreOptions } from "../../src/validation/store-options.js";
import { driverWith, failure, IDENTITY, saves, stored } from "./store-rig.js";

/** A store whose writes stay in the queue until `flush`, and the commits that the driver then got. */
function queuedStore(options: StoreOptions = {}) {
  const applied: Commit[] = [];
  const pumps: (() => void)[] = [];
  const apply: Driver["apply"] = async (commits) => {
    applied.push(...commits);
    return commits.map(({ writes }) => ({ is: "applied", existed: writes.map(() => false) }));
  };
  const store = createStore(driverWith({ apply }), options, {
    now: () => 5,
    elapsed: () => 0,
    schedule: (pump) => pumps.push(pump),
  });
  const flush = () => {
    for (const pump of pumps.splice(0)) pump();
  };
  const records = () =>
    applied.flatMap(({ writes }) => writes.flatMap((write) => ("record" in write ? [write.record] : [])));
  return { store, applied, flush, records };
}

function newRecord(fields: Partial<NewRecord> = {}): NewRecord {
  return { eventId: "e1", identity: IDENTITY, kind: "note", bytes: Buffer.from("x"), ...fields };
}

describe("arguments are copied at the call", () => {
  test("bytes, date, identity and changes changed between the call and the driver change nothing", async () => {
    const { store, flush, records } = queuedStore();
    const bytes = Buffer.from("before");
    const updatedAt = new Date(1000);
    const identity = { ...IDENTITY };
    const record = { eventId: "e1", identity, kind: "note", bytes, updatedAt };
    const changes: Change[] = [{ op: "save", record: { ...record, eventId: "e2", kind: "other" } }];
    const done = [store.save(record), store.commit(changes)];
    bytes.fill(0);
    updatedAt.setTime(9);
    Object.assign(identity, { tenant: "evil" });
    Object.assign(record, { kind: "evil", eventId: "evil" });
    changes.length = 0;
    flush();
    await Promise.all(done);
    expect(records()).toEqual(
      [
        stored({ bytes: Buffer.from("before"), updatedAt: 1000 }),
        stored({ eventId: "e2", kind: "other", bytes: Buffer.from("before"), updatedAt: 1000 }),
      ].map((each) => ({ ...each, bytes: new Uint8Array(each.bytes) })),
    );
  });

  test("a returned record is the caller's: changing it affects neither the driver nor another caller", async () => {
    const record = stored();
    const store = createStore(
      driverWith({ read: async () => [record], scan: async () => ({ records: [record], more: false }) }),
    );
    const first = await store.load(IDENTITY, "note");
    first.bytes.fill(0);
    first.updatedAt.setTime(0);
    Object.assign(first.identity, { tenant: "evil" });
    const [listed] = await store.list(IDENTITY, "");
    expect(listed).toEqual({
      ...newRecord({ version: 0, updatedAt: new Date(1) }),
      bytes: new Uint8Array([120]),
    });
  });

  test("updatedAt defaults to the store's clock", async () => {
    const { store, flush, records } = queuedStore();
    const saved = store.save(newRecord());
    flush();
    await saved;
    expect(records()[0]?.updatedAt).toBe(5);
  });
});

describe("each field is read once", () => {
  /** A copy whose getters return another value from the second read on. */
  function withChangingGetters<T extends object>(value: T, later: Readonly<Record<string, unknown>>) {
    const reads = new Map<string, number>();
    const copy = {} as T;
    for (const key of Object.keys(value) as (keyof T & string)[]) {
      Object.defineProperty(copy, key, {
        enumerable: true,
        get() {
          reads.set(key, (reads.get(key) ?? 0) + 1);
          return reads.get(key) === 1 ? value[key] : (later[key] ?? value[key]);
        },
      });
    }
    return { copy, maxReads: () => Math.max(...reads.values()) };
  }

  test("of a record, its identity and the options", async () => {
    const { store, flush, applied } = queuedStore();
    const identity = withChangingGetters<Identity>(
      { ...IDENTITY, run: "r" },
      { tenant: "evil", user: "~", session: "~", run: "~" },
    );
    const record = withChangingGetters(
      { ...newRecord({ version: 1, updatedAt: new Date(1) }), identity: identity.copy },
      { bytes: "evil", kind: 7, eventId: 7, identity: { ...IDENTITY, tenant: "evil" } },
    );
    const options = withChangingGetters({ expect: "e0" as string | null }, { expect: undefined });
    const saved = store.save(record.copy, options.copy);
    flush();
    await saved;
    expect([identity.maxReads(), record.maxReads(), options.maxReads()]).toEqual([1, 1, 1]);
    const fields = stored({ run: "r", version: 1 });
    const write: Write = {
      op: "save",
      record: { ...fields, bytes: new Uint8Array(fields.bytes) },
      expect: "e0",
    };
    expect(applied).toEqual([{ tenant: "acme", writes: [write] }]);
  });

  test("of the changes of a commit", async () => {
    const { store, flush, applied } = queuedStore();
    const kinds = ["a", "b", "c"];
    const [one, two, three] = kinds.map((kind) => newRecord({ kind, eventId: kind }));
    const changes = [
      withChangingGetters<Change>({ op: "save", record: one as NewRecord, expect: null }, { record: two }),
      withChangingGetters<Change>(
        { op: "delete", identity: IDENTITY, kind: "b" },
        { op: "check", identity: three },
      ),
      withChangingGetters<Change>(
        { op: "check", identity: IDENTITY, kind: "c", expect: null },
        { expect: undefined, kind: "a" },
      ),
    ];
    const done = store.commit(changes.map(({ copy }) => copy));
    flush();
    await done;
    expect(changes.map(({ maxReads }) => maxReads())).toEqual([1, 1, 1]);
    expect(applied[0]?.writes.map(({ op, expect }) => [op, expect])).toEqual([
      ["save", null],
      ["delete", undefined],
      ["check", null],
    ]);
  });

  test("an array of changes that yields more than its length is read up to its length", async () => {
    const { store, flush, applied } = queuedStore();
    const all = saves("1", ["a", "b", "c"]).writes.map(
      (_, index): Change => ({ op: "save", record: newRecord({ eventId: `${index}`, kind: `${index}` }) }),
    );
    let lengths = 0;
    const lying = new Proxy(all, {
      get: (target, key) => (key === "length" && lengths++ === 0 ? 1 : Reflect.get(target, key)),
    });
    const done = store.commit(lying);
    flush();
    await done;
    expect(applied[0]?.writes).toHaveLength(1);
  });

  test("a Proxy of an identity is read like any other; one of a reserved identity is refused", async () => {
    const { store } = queuedStore();
    const reserved = new Proxy({ tenant: "acme", user: "~", session: "~" }, {});
    expect(await failure(store.find(reserved, "note"))).toMatchObject({ code: "INVALID_RECORD" });
    expect(await store.find(new Proxy(IDENTITY, {}), "note")).toBeUndefined();
  });

  test("a Proxy of bytes is refused, since it has no bytes of its own", async () => {
    const { store } = queuedStore();
    const bytes = new Proxy(new Uint8Array(3), {});
    expect(await failure(store.save(newRecord({ bytes })))).toMatchObject({
      code: "INVALID_RECORD",
      details: { field: "bytes" },
    });
  });

  test("a Uint8Array that lies about its length is measured", async () => {
    const { store, flush, records } = queuedStore({ maxBytes: 4 });
    const lie = (length: number, value: number) =>
      Object.defineProperty(new Uint8Array(length), "byteLength", { value });
    expect(await failure(store.save(newRecord({ bytes: lie(5, 1) })))).toMatchObject({
      code: "INVALID_RECORD",
    });
    const saved = store.save(newRecord({ bytes: lie(4, 9) }));
    flush();
    await saved;
    expect(records()[0]?.bytes).toHaveLength(4);
  });
});

test("a misspelt option is refused, not ignored", async () => {
  const { store, records } = queuedStore();
  const [slip, id, scope] = [
    { expected: null } as never,
    IDENTITY,
    maintenanceScope({ reason: "test", allTenants: true }),
  ];
  const calls = [
    store.save({ eventId: "e", identity: id, kind: "a", bytes: new Uint8Array() }, slip),
    store.load(id, "a", slip),
    store.find(id, "a", slip),
    store.loadByEventId(id, "e", slip),
    store.delete(id, "a", slip),
    store.commit([{ op: "delete", identity: id, kind: "a" }], slip),
    store.list(id, "", slip),
    store.listKind(scope, "a", slip),
    store.erase(id, slip),
    store.close(slip),
  ];
  for (const call of calls)
    expect(await failure(call)).toMatchObject({ code: "INVALID_RECORD", details: { field: "options" } });
  expect(records()).toEqual([]);
});

test("a scan of one identity names its tenant, also where it stands in for a count", async () => {
  const tenants: (string | undefined)[] = [];
  const scan: Driver["scan"] = async ({ tenant }) => {
    tenants.push(tenant);
    return { records: [], more: false };
  };
  const store = createStore(driverWith({ scan }));
  await store.count(IDENTITY, "");
  await store.list(IDENTITY, "");
  await store.list(IDENTITY, "", { bytes: false });
  expect(tenants).toEqual([IDENTITY.tenant, IDENTITY.tenant, IDENTITY.tenant]);
});

describe("the options of a store", () => {
  test.each([
    [{ maxBytes: undefined }, "maxBytes"],
    [{ maxBytes: 0 }, "maxBytes"],
    [{ maxBytes: 16 * 1024 * 1024 + 1 }, "maxBytes"],
    [{ maxBytes: "1" }, "maxBytes"],
    [{ idempotencyWindowMs: undefined }, "idempotencyWindowMs"],
    [{ idempotencyWindowMs: 0 }, "idempotencyWindowMs"],
    [{ idempotencyWindowMs: 1.5 }, "idempotencyWindowMs"],
    [{ idempotencyWindowMs: Number.POSITIVE_INFINITY }, "idempotencyWindowMs"],
    [{ inFlight: undefined }, "inFlight"],
    [{ inFlight: 0 }, "inFlight"],
    [{ inFlight: 17 }, "inFlight"],
    [{ layers: undefined }, "layers"],
    [{ layers: [undefined] }, "layers"],
    [{ layers: () => {} }, "layers"],
    [null, "options"],
    ["", "options"],
  ])("%j is refused", (options, field) => {
    const make = () => createStore(driverWith({}), options as never);
    expect(make).toThrow(
      expect.objectContaining({ code: "INVALID_RECORD", details: expect.objectContaining({ field }) }),
    );
  });

  test("at their limits are accepted", () => {
    for (const options of [
      { maxBytes: 1, inFlight: 1, idempotencyWindowMs: 1, layers: [] },
      { maxBytes: 16 * 1024 * 1024, inFlight: 16, idempotencyWindowMs: Number.MAX_SAFE_INTEGER },
      {},
      undefined,
    ]) {
      createStore(driverWith({}), options);
    }
  });

  test("layers: the first is the outermost, and a write and a read pass through all", async () => {
    const calls: string[] = [];
    const layer =
      (name: string): Layer =>
      (driver) => ({
        ...driver,
        read(slots) {
          calls.push(name);
          return driver.read(slots);
        },
        apply(commits, options) {
          calls.push(`${name} ${options.now} ${options.window}`);
          return driver.apply(commits, options);
        },
      });
    const { store, flush } = queuedStore({
      layers: [layer("outer"), layer("inner")],
      idempotencyWindowMs: 9,
    });
    await store.find(IDENTITY, "note");
    const saved = store.save(newRecord());
    flush();
    await saved;
    expect(calls).toEqual(["outer", "inner", "outer 5 9", "inner 5 9"]);
  });
});

describe("an abort of a read", () => {
  test("leaves no listener on a signal that was not aborted", async () => {
    const store = createStore(driverWith({}));
    const { signal } = new AbortController();
    const asked = [
      store.find(IDENTITY, "note", { signal }),
      store.list(IDENTITY, "", { signal }),
      store.erase(IDENTITY, { signal }),
    ];
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await Promise.all(asked);
    await store.close({ signal });
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("rejects at once, however long the driver takes", async () => {
    const store = createStore(
      driverWith({
        read: () => new Promise(() => {}),
        readByEventId: () => new Promise(() => {}),
        scan: () => new Promise(() => {}),
      }),
    );
    const controller = new AbortController();
    const { signal } = controller;
    const reason = { why: "gone" };
    const reads = [
      store.find(IDENTITY, "note", { signal }),
      store.load(IDENTITY, "note", { signal }),
      store.loadByEventId(IDENTITY, "e1", { signal }),
      store.list(IDENTITY, "", { signal }),
    ];
    controller.abort(reason);
    for (const result of await Promise.allSettled(reads))
      expect(result).toEqual({ status: "rejected", reason });
  });

  test("of a list reaches the driver, through layers, so that it can stop", async () => {
    const { signal } = new AbortController();
    const told: unknown[] = [];
    const driver = driverWith({
      async scan(_, limit) {
        told.push(limit?.signal);
        return { records: [], more: false };
      },
    });
    await createStore(driver, { layers: [retrying()] }).list(IDENTITY, "", { signal });
    await createStore(driver).list(IDENTITY, "", { signal });
    expect(told).toEqual([signal, signal]);
  });

  test("before the call does not call the driver", async () => {
    let asked = 0;
    const store = createStore(driverWith({ read: async () => [void asked++] as never }));
    await store.find(IDENTITY, "note", { signal: AbortSignal.abort("no") }).catch(() => {});
    expect(asked).toBe(0);
  });

  test("during the call of the driver is not missed", async () => {
    const controller = new AbortController();
    const store = createStore(
      driverWith({
        read() {
          controller.abort("meanwhile");
          return new Promise(() => {});
        },
      }),
    );
    const found = store.find(IDENTITY, "note", { signal: controller.signal });
    await expect(found).rejects.toBe("meanwhile");
  });
});
