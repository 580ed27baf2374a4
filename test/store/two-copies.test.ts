import { beforeAll, expect, test, vi } from "vitest";
import * as one from "../../src/index.js";
import { driverWith, IDENTITY, unavailable } from "./store-rig.js";

type Package = typeof one;

/** The package loaded once more, as by a second path in `node_modules`. */
let two: Package;

beforeAll(async () => {
  vi.resetModules();
  two = await import("../../src/index.js");
});

function both(check: (mine: Package, other: Package) => Promise<void> | void) {
  return async () => {
    expect(two.StateError).not.toBe(one.StateError);
    await check(one, two);
    await check(two, one);
  };
}

test(
  "an error of one is an error of the other",
  both((mine, other) => {
    const error = new mine.StateError("NOT_FOUND", "nothing", { details: {} });
    expect(error).not.toBeInstanceOf(other.StateError);
    expect([other.isStateError(error), other.isStateError(error, "NOT_FOUND")]).toEqual([true, true]);
    expect(other.isStateError(error, "CORRUPT")).toBe(false);
  }),
);

test(
  "a driver built on one may throw into a store of the other",
  both(async (mine, other) => {
    const busy = new mine.StateError("UNAVAILABLE", "busy", { details: { reason: "busy" } });
    const store = other.createStore(driverWith({ read: () => Promise.reject(busy) }));
    await expect(store.find(IDENTITY, "note")).rejects.toBe(busy);
  }),
);

test(
  "a scope and the identities of one are those of the other",
  both(async (mine, other) => {
    const store = other.createStore(driverWith({}));
    expect(await store.listKind(mine.maintenanceScope({ reason: "test", tenant: "acme" }), "note")).toEqual(
      [],
    );
    expect(await store.find(mine.userIdentity("acme", "ann"), "note")).toBeUndefined();
    expect(await store.find(mine.tenantIdentity("acme"), "note")).toBeUndefined();
  }),
);

test(
  "a driver registered in one can be opened by the other",
  both(async (mine, other) => {
    const name = mine.newEventId();
    mine.registerDriver(name, async () => driverWith({}));
    expect(other.registeredDrivers()).toContain(name);
    expect(() => other.registerDriver(name, async () => driverWith({}))).toThrow(TypeError);
    expect(await (await other.openDriver(name)).find(IDENTITY, "note")).toBeUndefined();
  }),
);

test(
  "the current store of one is that of the other",
  both((mine, other) => {
    const store = mine.createStore(driverWith({}));
    mine.withStore(store, () => expect([other.currentStore(), other.requireStore()]).toEqual([store, store]));
  }),
);

test("event ids ascend across both", () => {
  const ids = Array.from({ length: 1000 }, (_, index) => (index % 2 ? one : two).newEventId());
  expect([...ids].sort()).toEqual(ids);
});

test("the built-in drivers may be registered by both, and keep what was there before", async () => {
  await import("../../drivers/index.js");
  expect(one.registeredDrivers()).toEqual(expect.arrayContaining(["memory", "postgres", "sqlite"]));
  vi.resetModules();
  await import("../../drivers/index.js");
  const store = await one.openStore("memory:");
  expect(await store.find(IDENTITY, "note")).toBeUndefined();
});

test("an object that only looks like a StateError is not one", () => {
  const { code, message } = unavailable("busy");
  for (const value of [
    undefined,
    null,
    "UNAVAILABLE",
    new Error("x"),
    { code, message, name: "StateError" },
  ]) {
    expect(one.isStateError(value)).toBe(false);
  }
});

test("a copy of a version that shared less may have been loaded first", async () => {
  const shared = (globalThis as { [key: symbol]: object })[Symbol.for("groundstate.v1")] as {
    bareDrivers?: unknown;
  };
  const { bareDrivers } = shared;
  delete shared.bareDrivers;
  try {
    vi.resetModules();
    const later = await import("../../src/index.js");
    expect(await later.createStore(driverWith({})).find(IDENTITY, "note")).toBeUndefined();
  } finally {
    shared.bareDrivers = bareDrivers;
  }
});
