import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import type { Driver, StoredRecord } from "../../src/contract/driver.js";
import { createStore } from "../../src/store/driver-store.js";
import {
  collectGarbage,
  deletes,
  erased,
  failure,
  IDENTITY,
  SLOT,
  saves,
  stored,
} from "../store/store-rig.js";

const UNLIMITED_WINDOW = 1e12;

/** Saves a record at a moment. */
async function save(driver: Driver, fields: Partial<StoredRecord>, now = 0, window = UNLIMITED_WINDOW) {
  const record = stored(fields);
  const [outcome] = await driver.apply([{ tenant: record.tenant, writes: [{ op: "save", record }] }], {
    now,
    window,
  });
  return outcome;
}

describe("opening", () => {
  test("each is empty and its own", async () => {
    const [one, two] = [await openMemory(), await openMemory({ url: "memory:" })];
    await save(one, {});
    expect([(await one.read([SLOT]))[0]?.eventId, (await two.read([SLOT]))[0]]).toEqual(["e1", undefined]);
    expect(await one.status()).toEqual({ target: "memory:", schemaVersion: 0, pendingMigrations: [] });
  });

  test.each(["memory:state.db", "memory:?x", "", undefined])("refuses the URL %j", async (url) => {
    const error = await failure(openMemory({ url } as never));
    expect(error).toMatchObject({ code: "INVALID_RECORD", details: { field: "url" } });
  });
});

describe("erase", () => {
  test("takes one session, whatever the run, and leaves those whose names begin alike", async () => {
    const driver = await openMemory();
    const near = [
      { session: "s" },
      { session: "s1 " },
      { session: "s10" },
      { user: "an" },
      { user: "ann1" },
      { tenant: "acm" },
    ];
    for (const [index, fields] of near.entries()) await save(driver, { ...fields, eventId: `near${index}` });
    for (const run of ["", "a", "\u{10FFFF}"]) {
      await save(driver, { run, eventId: `1${run}` });
      await save(driver, { run, kind: "other", eventId: `2${run}` });
    }
    expect(await erased(driver, "acme", "ann", "s1")).toBe(6);
    expect(await erased(driver, "acme", "ann", "s1")).toBe(0);
    const { records } = await driver.scan({ prefix: "", limit: 99, maxBytes: 99, reverse: false });
    expect(records.map(({ eventId }) => eventId).sort()).toEqual(near.map((_, index) => `near${index}`));
  });

  test("keeps the ids alone: any retry is a duplicate, in any slot", async () => {
    const driver = await openMemory();
    await save(driver, {});
    await erased(driver, "acme", "ann", "s1");
    expect(await driver.readByEventId(IDENTITY, "e1")).toBeUndefined();
    expect(await save(driver, { kind: "other", version: 9 })).toEqual({ is: "duplicate" });
  });
});

describe("counts", () => {
  const { kind: _, ...identity } = SLOT;
  const count = { identity, prefix: "", limit: Number.MAX_SAFE_INTEGER };

  /** A session with many records, which are saved in a batch. */
  async function filled(size: number) {
    const driver = await openMemory();
    const writes = Array.from({ length: size }, (_, n) => ({
      op: "save" as const,
      record: stored({ kind: `k/${n}`, eventId: `e/${n}` }),
    }));
    await driver.apply([{ tenant: SLOT.tenant, writes }], { now: 0, window: UNLIMITED_WINDOW });
    return driver;
  }

  test("beside a large erase are of the moment of the call, and take several turns of the event loop", async () => {
    const driver = await filled(25_000);
    const erase = [{ op: "erase" as const, session: identity }];
    const [outcome] = await driver.apply([{ tenant: SLOT.tenant, writes: erase }], { now: 0, window: 1e12 });
    expect(outcome).toMatchObject({ is: "applied", remains: true });
    expect(await driver.count?.(count)).toBe(0);
    await save(driver, { kind: "k/7", eventId: "later" });
    await save(driver, { kind: "new", eventId: "new" });
    let turns = 0;
    let isOver = false;
    const turn = () => {
      turns++;
      if (!isOver) setImmediate(turn);
    };
    const counting = driver.count?.(count).finally(() => {
      isOver = true;
    });
    setImmediate(turn);
    await save(driver, { kind: "newer", eventId: "newer" });
    await driver.sweep(identity);
    expect(await counting).toBe(2);
    expect(turns).toBeGreaterThan(0);
    expect(await driver.count?.(count)).toBe(3);
    expect(await driver.count?.({ ...count, limit: 1 })).toBe(1);
  });

  test("within bounds are those of a list", async () => {
    const driver = await filled(2_000);
    const at = (kind: string) => ({ ...identity, kind });
    const bounds = [undefined, at("k/1"), at("k/15"), at("k/2"), at("z"), at("a")];
    for (const from of bounds)
      for (const after of bounds)
        for (const before of bounds) {
          const range = { ...(from && { from }), ...(after && { after }), ...(before && { before }) };
          const query = { ...count, prefix: "k/1", ...range };
          const listed = await driver.scan({ ...query, maxBytes: 1e9, reverse: false });
          expect(await driver.count?.(query)).toBe(listed.records.length);
        }
  });
});

describe("pages", () => {
  test("end with the record with which they reach their bytes, and hold one at least", async () => {
    const driver = await openMemory();
    for (const kind of ["a", "b", "c"]) await save(driver, { kind, eventId: kind, bytes: Buffer.alloc(10) });
    const page = async (maxBytes: number, limit = 9) => {
      const { records, more } = await driver.scan({
        tenant: "acme",
        prefix: "",
        limit,
        maxBytes,
        reverse: false,
      });
      return [records.length, more];
    };
    expect([
      await page(1),
      await page(10),
      await page(11),
      await page(30),
      await page(31),
      await page(99, 3),
    ]).toEqual([
      [1, true],
      [1, true],
      [2, true],
      [3, false],
      [3, false],
      [3, false],
    ]);
  });

  test("scans across tenants go from one tenant to the next, also where names share a prefix", async () => {
    const driver = await openMemory();
    const tenants = ["a", "a\u0001", "a ", "ab", "b"];
    for (const tenant of tenants) {
      for (const kind of ["j", "k", "k/1", "l"]) await save(driver, { tenant, kind, eventId: kind });
    }
    const found: string[] = [];
    let from: { after?: StoredRecord } = {};
    for (;;) {
      const { records, more } = await driver.scan({
        prefix: "k",
        limit: 3,
        maxBytes: 99,
        reverse: false,
        ...from,
      });
      found.push(...records.map(({ tenant, kind }) => `${tenant}|${kind}`));
      if (!more) break;
      from = { after: records.at(-1) as StoredRecord };
    }
    expect(found).toEqual(tenants.flatMap((tenant) => [`${tenant}|k`, `${tenant}|k/1`]));
  });
});

describe("work is bounded", () => {
  test("a list and a page cost what they return among 50,000 records of others", async () => {
    const driver = await openMemory();
    let read = 0;
    const counting = (record: StoredRecord): StoredRecord =>
      new Proxy(record, {
        get(target, key) {
          read++;
          return Reflect.get(target, key);
        },
      });
    const records = Array.from({ length: 50_000 }, (_, index) =>
      counting(
        stored({
          user: `u${index}`,
          kind: `k${index % 100}`,
          eventId: `${index}`,
          fingerprint: "",
        }),
      ),
    );
    for (const record of records) {
      await driver.apply([{ tenant: "acme", writes: [{ op: "save", record }] }], {
        now: 0,
        window: UNLIMITED_WINDOW,
      });
    }
    const identity = { tenant: "acme", user: "u777", session: "s1", run: "" };
    read = 0;
    await driver.scan({ tenant: "acme", identity, prefix: "", limit: 9, maxBytes: 99, reverse: false });
    await driver.scan({ tenant: "acme", identity, prefix: "k", limit: 9, maxBytes: 99, reverse: true });
    await driver.scan({ prefix: "k50", limit: 9, maxBytes: 9, reverse: false });
    await erased(driver, "acme", "u777", "s1");
    expect(read).toBeLessThan(3000);
  }, 120_000);

  test("memory does not grow for ever: what is past the window is let go by the writes that follow", async () => {
    const driver = await openMemory();
    const saveLarge = async (window: number) => {
      collectGarbage();
      const before = process.memoryUsage().heapUsed;
      for (let now = 0; now < 10_000; now++) {
        const fingerprint = randomBytes(1_000).toString("hex");
        const record = stored({ eventId: `${window}/${now}`, kind: `k${now % 7}`, fingerprint });
        await driver.apply([{ tenant: "acme", writes: [{ op: "save", record }] }], { now, window });
      }
      collectGarbage();
      return process.memoryUsage().heapUsed - before;
    };
    expect(await saveLarge(100)).toBeLessThan(5_000_000);
    expect(await saveLarge(100_000)).toBeGreaterThan(15_000_000);
  });

  test("a batch forgets at most twice as many ids as it saved; deletes and refused commits forget none", async () => {
    const driver = await openMemory();
    const times = { now: 1000, window: 10 };
    const old = Array.from({ length: 10 }, (_, index) => `${index}`);
    for (const name of old) await driver.apply([saves(name, ["note"])], { now: 0, window: 10 });
    // Whether an id is still remembered shows when the window is taken for longer.
    const remembered = async () => {
      const again = await driver.apply(
        old.slice(0, -1).map((name) => ({
          tenant: "acme",
          writes: [{ op: "save", record: stored({ kind: "x", eventId: `${name}/note` }), expect: "none" }],
        })),
        { now: 1000, window: UNLIMITED_WINDOW },
      );
      return again.filter(({ is }) => is === "conflict").length;
    };
    expect(await remembered()).toBe(9);
    await driver.apply([deletes("nothing"), deletes("nothing")], times);
    expect(await remembered()).toBe(9);
    await driver.apply([saves("new", ["a"])], times);
    expect(await remembered()).toBe(7);
    await driver.apply([saves("newer", ["a", "b"])], times);
    expect(await remembered()).toBe(3);
  });
});

test("a store over it hands out no object of the driver's", async () => {
  const store = createStore(await openMemory());
  const identity = { tenant: "acme", user: "ann", session: "s1" };
  await store.save({ eventId: "e1", identity, kind: "note", bytes: Buffer.from("kept") });
  (await store.load(identity, "note")).bytes.fill(0);
  expect(Buffer.from((await store.load(identity, "note")).bytes).toString()).toBe("kept");
});
