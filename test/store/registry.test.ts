import { afterEach, describe, expect, test, vi } from "vitest";
import "../../drivers/index.js";
import type { Driver } from "../../src/contract/driver.js";
import { processState } from "../../src/process/process-state.js";
import { createStore } from "../../src/store/driver-store.js";
import {
  DEFAULT_DRIVER,
  openDriver,
  openStore,
  registerDriver,
  registeredDrivers,
} from "../../src/store/registry.js";
import { driverWith, failure, IDENTITY, thrown } from "./store-rig.js";

const RECORD = { eventId: "e1", identity: IDENTITY, kind: "note", bytes: new Uint8Array(2) };

afterEach(() => {
  for (const name of registeredDrivers()) if (name.startsWith("test")) processState.drivers.delete(name);
});

/** Registers a driver under this name and returns its factory's configurations. */
function register(name: string, driver: Driver = driverWith({})): unknown[] {
  const configs: unknown[] = [];
  registerDriver(name, async (config: object) => {
    configs.push(config);
    return driver;
  });
  return configs;
}

describe("registerDriver", () => {
  test.each([
    ["", async () => driverWith({})],
    [undefined, async () => driverWith({})],
    [7, async () => driverWith({})],
    ["test", undefined],
    ["test", {}],
    ["memory", async () => driverWith({})],
  ])("refuses %j with %o", (name, factory) => {
    const before = registeredDrivers();
    expect(() => registerDriver(name as string, factory as never)).toThrow(TypeError);
    expect(registeredDrivers()).toEqual(before);
  });

  test("names are listed in order", () => {
    register("test-b");
    register("test-a");
    expect(registeredDrivers()).toEqual(["memory", "postgres", "sqlite", "test-a", "test-b"]);
  });
});

describe("openStore", () => {
  test("without a driver's name opens memory", async () => {
    expect(DEFAULT_DRIVER).toBe("memory");
    for (const config of [{}, { maxBytes: 2 }]) {
      const store = await openStore(config);
      await store.save(RECORD);
      expect((await store.load(IDENTITY, "note")).bytes).toHaveLength(2);
    }
  });

  test.each([undefined, null, "", 7, "state.db", ":memory:", "//host"])(
    "refuses %j, which names no driver",
    async (target) => {
      expect(await failure(openStore(target as never))).toMatchObject({ code: "INVALID_RECORD" });
    },
  );

  test("names the type of a wrong target", async () => {
    const message = async (target: unknown) => (await failure(openStore(target as never))).message;
    expect(await message(undefined)).toContain("not undefined: is a variable of the environment not set?");
    expect(await message(Promise.resolve("memory:"))).toContain("not a Promise (await it)");
    expect(await message(new URL("sqlite:./x.db"))).toContain("not a URL");
    expect(await message({ driver: "memory", ur: 1 })).toContain("without ur (did you mean url?)");
    const driver = Promise.resolve(driverWith({}));
    expect(() => createStore(driver as never)).toThrow(/a driver, not a Promise \(await it\)/);
    expect(() => createStore(undefined as never)).toThrow(TypeError);
  });

  test.each([
    { path: "./state.db" },
    { url: "postgres://host/db" },
    { maxByte: 2 },
    new URL("sqlite:./state.db"),
  ])("never opens memory in place of what %j means", async (target) => {
    expect(await failure(openStore(target as never))).toMatchObject({ code: "INVALID_RECORD" });
  });

  test.each([
    ["memory", { pth: "x" }],
    ["sqlite", { path: ":memory:", durabilty: "process" }],
    ["postgres", { url: "postgres://host/db", poolsize: 2 }],
  ])("refuses a setting that %s does not have", async (name, config) => {
    expect(await failure(openDriver(name, config))).toMatchObject({ code: "INVALID_RECORD" });
  });

  test("refuses a factory's result that is neither a driver nor a store", async () => {
    for (const [index, given] of [undefined, null, {}, 7].entries()) {
      registerDriver(`test-bad-${index}`, async () => given as never);
      await expect(openDriver(`test-bad-${index}`)).rejects.toThrow(TypeError);
    }
  });

  test.each([{ driver: undefined }, { driver: "" }, { driver: 7 }, { driver: null }])(
    "refuses %j",
    async (config) => {
      expect(await failure(openStore(config as never))).toMatchObject({
        code: "INVALID_RECORD",
        details: { field: "driver" },
      });
    },
  );

  test("of an unknown driver names the registered ones, and not the rest of the URL", async () => {
    const error = await failure(openStore("mysql://user:secret@host/db"));
    expect(error).toMatchObject({
      code: "UNKNOWN_DRIVER",
      details: { driver: "mysql", registered: ["memory", "postgres", "sqlite"] },
    });
    expect(error.message).toContain("memory, postgres, sqlite");
    expect(error.message).not.toContain("secret");
  });

  test("of a driver whose name is a URL does not show it", async () => {
    const error = await failure(openDriver("postgres://u:hunter2@h/db"));
    expect(error).toMatchObject({ code: "UNKNOWN_DRIVER", details: { driver: "?" } });
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain("hunter2");
    expect(await failure(openStore("constructor:x"))).toMatchObject({ code: "UNKNOWN_DRIVER" });
  });

  test.each([[[]], [Promise.resolve({})], [new Map()]])("refuses %o as a configuration", async (target) => {
    expect(await failure(openStore(target as never))).toMatchObject({ code: "INVALID_RECORD" });
  });

  test("with none registered says what to import", async () => {
    const drivers = [...processState.drivers];
    processState.drivers.clear();
    const error = await failure(openStore("memory:"));
    for (const [name, factory] of drivers) processState.drivers.set(name, factory);
    expect(error.message).toContain('import "groundstate/drivers"');
  });

  test("a name of Object.prototype is no driver", async () => {
    for (const name of ["constructor", "__proto__", "toString"]) {
      expect(await failure(openDriver(name))).toMatchObject({ code: "UNKNOWN_DRIVER" });
    }
  });

  test("passes the URL to the driver unchanged, with the options", async () => {
    const configs = register("test");
    await openStore("test:./a b?c=%20#d", { maxBytes: 1 });
    await openStore("TEST:X");
    expect(configs).toEqual([{ url: "test:./a b?c=%20#d", maxBytes: 1 }, { url: "TEST:X" }]);
  });

  test("postgresql: is postgres:", async () => {
    const error = await failure(openStore("postgresql://127.0.0.1:1/none", { timeoutMs: 100 }));
    expect(error).toMatchObject({ code: "UNAVAILABLE" });
  });

  test.each([null, "options", 7])("refuses %j as options", async (options) => {
    expect(await failure(openStore("memory:", options as never))).toMatchObject({
      code: "INVALID_RECORD",
      details: { field: "options" },
    });
  });
});

describe("the options of a store", () => {
  test("are checked before the driver is opened", async () => {
    const configs = register("test");
    for (const options of [
      { maxBytes: 0 },
      { maxBytes: undefined },
      { idempotencyWindowMs: -1 },
      { layers: undefined },
    ]) {
      expect(await failure(openDriver("test", options))).toMatchObject({ code: "INVALID_RECORD" });
      expect(await failure(openStore("test:", options as never))).toMatchObject({ code: "INVALID_RECORD" });
    }
    expect(configs).toEqual([]);
  });

  test("apply to the store that is made of the driver", async () => {
    register("test");
    const store = await openDriver("test", { maxBytes: 1 });
    expect(await failure(store.save(RECORD))).toMatchObject({ code: "INVALID_RECORD" });
  });

  test("layers: the driver's own, unless the configuration has others", async () => {
    const names: string[] = [];
    const layer = (name: string) => (driver: Driver) => {
      names.push(name);
      return driver;
    };
    register("test", driverWith({ layers: [layer("own")] }));
    await openDriver("test");
    await openDriver("test", { layers: [layer("given")] });
    await openDriver("test", { layers: [] });
    expect(names).toEqual(["own", "given"]);
  });

  test("when a layer throws, the driver is closed again and the layer's error reported", async () => {
    for (const close of [async () => {}, () => Promise.reject(new Error("close"))]) {
      const closed = vi.fn(close);
      register("test", driverWith({ close: closed }));
      const broken = new Error("layer");
      const layers = [
        () => {
          throw broken;
        },
      ];
      expect(await thrown(openDriver("test", { layers }))).toBe(broken);
      expect(closed).toHaveBeenCalledTimes(1);
      processState.drivers.delete("test");
    }
  });
});

test("a factory may return a store, which is returned unchanged", async () => {
  const store = createStore(driverWith({}));
  registerDriver("test", async () => store);
  expect(await openDriver("test", { layers: [] })).toBe(store);
});

test("a factory's rejection is the caller's", async () => {
  const error = new Error("cannot");
  registerDriver("test", () => Promise.reject(error));
  expect(await thrown(openStore("test:"))).toBe(error);
});
