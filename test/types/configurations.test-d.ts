import { describe, expectTypeOf, test } from "vitest";
import "../../drivers/index.js";
import {
  createStore,
  type Driver,
  maintenanceScope,
  openStore,
  registerDriver,
  type StateRecord,
  type StateStore,
  type StoreConfig,
  scanKind,
  type UrlOptions,
} from "../../src/index.js";
import { retrying } from "../../src/layers/index.js";

// Compiled by types.test.ts; nothing of it is carried out.
declare const driver: Driver;
declare const store: StateStore;
declare const url: string;
const identity = { tenant: "acme", user: "ada", session: "s1" };
const checked = (_: () => unknown): void => {};

describe("a URL", () => {
  test("says by its scheme which options there are", () => {
    checked(async () => {
      expectTypeOf(await openStore("memory:")).toEqualTypeOf<StateStore>();
      expectTypeOf<{ durability: "full" }>().toExtend<UrlOptions<"sqlite:./a.db">>();
      expectTypeOf<{ poolSize: number }>().toExtend<UrlOptions<"postgres://host/db">>();
      expectTypeOf<{ poolSize: number }>().toExtend<UrlOptions<"PostgreSQL://host/db">>();
      expectTypeOf<{ maxBytes: number }>().toExtend<UrlOptions<"memory:">>();
      // @ts-expect-error: no pool in a file
      await openStore("sqlite:./a.db", { poolSize: 1 });
      // @ts-expect-error: no thread on a server
      await openStore("postgres://host/db", { thread: "inline" });
      // @ts-expect-error: a forgotten variable
      await openStore("memory:", { maxBytes: undefined });
    });
  });

  test("that is only known later takes the options of any driver", () => {
    checked(async () => {
      await openStore(url, { poolSize: 2 });
      await openStore(url, { durability: "process" });
      // @ts-expect-error: no driver has it
      await openStore(url, { pool: 2 });
    });
  });
});

describe("a configuration", () => {
  test("is that of the driver it names", () => {
    checked(async () => {
      expectTypeOf<{ driver: "sqlite"; path: string }>().toExtend<StoreConfig>();
      expectTypeOf<{ driver: "postgres"; url: string; migrate: "verify" }>().toExtend<StoreConfig>();
      expectTypeOf<{ maxBytes: number }>().toExtend<StoreConfig>();
      expectTypeOf<{ driver: "redis" }>().not.toExtend<StoreConfig>();
      // @ts-expect-error: a path is a text
      await openStore({ driver: "sqlite", path: 1 });
      // @ts-expect-error: one of three words
      await openStore({ driver: "postgres", url, migrate: "yes" });
      // @ts-expect-error: what belongs to a driver is not for a configuration without one
      await openStore({ path: "./a.db" });
    });
  });

  test("gives a factory its own type, and layers wrap drivers", () => {
    checked(() => {
      registerDriver("mine", async (config: { path: string }) => {
        expectTypeOf(config.path).toEqualTypeOf<string>();
        return driver;
      });
      // @ts-expect-error: a factory promises a driver or a store
      registerDriver("mine", async () => 1);
      expectTypeOf(createStore(driver, { layers: [retrying({ attempts: 2 })] })).toExtend<StateStore>();
      // @ts-expect-error: a layer is a function
      createStore(driver, { layers: [retrying] });
      // @ts-expect-error: it is called attempts
      retrying({ tries: 2 });
    });
  });
});

describe("what must not compile", () => {
  test("are conditions and bounds that were forgotten", () => {
    checked(async () => {
      const record = { eventId: "e1", identity, kind: "note", bytes: new Uint8Array() };
      await store.save(record, { expect: null });
      await store.save(record, { signal: undefined });
      // @ts-expect-error: a forgotten variable must not drop the condition
      await store.save(record, { expect: undefined });
      // @ts-expect-error: a payload is bytes
      await store.save({ ...record, bytes: "hello" });
      // @ts-expect-error: an event id is never made up by the store
      await store.save({ identity, kind: "note", bytes: new Uint8Array() });
      // @ts-expect-error: a check without a condition checks nothing
      await store.commit([{ op: "check", identity, kind: "note" }]);
      // @ts-expect-error: an erase takes the session whole
      await store.commit([{ op: "erase", identity, kind: "note" }]);
      // @ts-expect-error: whether payloads come is said, never implied
      await store.list(identity, "note", { bytes: undefined });
      // @ts-expect-error: a misspelt bound must not widen the list
      await store.list(identity, "note", { bytes: false, form: "note/1" });
    });
  });

  test("are scans across identities without a scope, and scopes of nothing", () => {
    checked(async () => {
      const scope = maintenanceScope({ reason: "count", tenant: "acme" });
      expectTypeOf(await store.listKind(scope, "note")).toEqualTypeOf<StateRecord[]>();
      for await (const record of scanKind(store, scope, "note"))
        expectTypeOf(record).toEqualTypeOf<StateRecord>();
      // @ts-expect-error: an object that looks like one is none
      await store.listKind({ reason: "count", tenant: "acme" }, "note");
      // @ts-expect-error: which tenants?
      maintenanceScope({ reason: "count" });
      // @ts-expect-error: all tenants is said, never denied
      maintenanceScope({ reason: "count", allTenants: false });
    });
  });

  test("is a record that is changed", () => {
    checked(async () => {
      const record = await store.load(identity, "note");
      // @ts-expect-error: what was handed out is the caller's to read
      record.version = 2;
      // @ts-expect-error: there may be none
      (await store.find(identity, "note")).version;
    });
  });
});
