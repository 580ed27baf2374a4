import { once } from "node:events";
import { ClassicLevel } from "classic-level";
import { isStateError, maintenanceScope, type StateStore } from "groundstate";
import { describe, expect, test, vi } from "vitest";
import { LevelDriver } from "../../examples/level-driver/driver.js";
import { freshFolder, IDENTITY, open, recordOf, startProcess } from "./level-rig.js";

describe("what is read", () => {
  test("is what is returned, whatever else there is", async () => {
    await using store = await open(freshFolder());
    await fill(store);
    const scope = maintenanceScope({ reason: "to count", tenant: "acme" });

    expect(await entriesRead(() => store.list(IDENTITY, "b/"))).toEqual({ found: 3, read: 3 });
    expect(
      await entriesRead(() => store.list(IDENTITY, "", { after: "b", limit: 2, reverse: true })),
    ).toEqual({
      found: 2,
      read: 3, // to see that there is more
    });
    expect(await entriesRead(() => store.listKind(scope, "b/"))).toEqual({ found: 3, read: 3 + 2 });
  });

  test("across tenants is that, and an entry or two of each that has nothing of it", async () => {
    await using store = await open(freshFolder());
    await fill(store);
    const scope = maintenanceScope({ reason: "to count", allTenants: true });
    const { found, read } = await entriesRead(() => store.listKind(scope, "b/"));
    expect(found).toBe(3);
    expect(read).toBeLessThanOrEqual(found + 2 * 6);
  });

  /** Three records that begin with b in one tenant, and hundreds around them, also in five other tenants. */
  async function fill(store: StateStore): Promise<void> {
    const kinds = (letter: string, count: number) =>
      Array.from({ length: count }, (_, i) => `${letter}/${1000 + i}`);
    for (const tenant of ["acme", "abel", "beta", "core", "data", "east"]) {
      const all = [...kinds("a", 120), ...(tenant === "acme" ? kinds("b", 3) : []), ...kinds("c", 120)];
      const records = all.map((kind) => recordOf(kind, { kind, identity: { ...IDENTITY, tenant } }));
      await store.commit(records.map((record) => ({ op: "save", record })));
    }
  }

  /** How many records a call returned, and how many entries LevelDB's iterators gave for it. */
  async function entriesRead(call: () => Promise<unknown[]>): Promise<{ found: number; read: number }> {
    // Which `keys` and `values` are made of.
    const made = vi.spyOn(ClassicLevel.prototype, "iterator");
    const found = (await call()).length;
    const iterators = made.mock.results.map(({ value }) => value as { count: number });
    made.mockRestore();
    return { found, read: iterators.reduce((sum, { count }) => sum + count, 0) };
  }
});

describe("event ids", () => {
  test("are forgotten after their window, but for those that are current", async () => {
    const folder = freshFolder();
    const clock = { ms: 1_000_000 };
    const runtime = { now: () => clock.ms, elapsed: () => clock.ms, schedule: setImmediate };
    const store = await open(folder, { idempotencyWindowMs: 1_000 }, runtime);
    const save = async (eventId: string, kind: string) => {
      clock.ms += 100;
      await store.save(recordOf(eventId, { kind }));
    };
    await save("long current", "quiet");
    await save("erased", "quiet");
    await store.erase(IDENTITY);
    await save("overwritten late", "quiet");
    for (let n = 0; n < 40; n++) await save(`busy ${n}`, "busy");
    await save("still current", "quiet");
    for (let n = 40; n < 80; n++) await save(`busy ${n}`, "busy");
    await store.close();

    const db = new ClassicLevel(folder);
    const events = (await db.keys({ gt: "event\0", lt: "event\x01" }).all()).map((key) => key.split("\0")[2]);
    const recent = Array.from({ length: 10 }, (_, i) => `busy ${70 + i}`);
    expect(events.sort()).toEqual([...recent, "still current"].sort());
    await db.close();
  });
});

test("a folder that another process has open is UNAVAILABLE, and can be had when that is gone", async () => {
  const folder = freshFolder();
  const { child, ended } = startProcess(
    "await LevelDriver.open(args.folder); say('open'); setInterval(() => {}, 1000);",
    {
      folder,
    },
  );
  await once(child, "said");
  const error = await LevelDriver.open(folder).catch((thrown: unknown) => thrown);
  expect(isStateError(error, "UNAVAILABLE") && error.details.reason).toBe("setup");
  child.kill("SIGKILL");
  await ended;
  await using store = await open(folder);
  expect(await store.save(recordOf("e1"))).toEqual({ eventId: "e1", duplicate: false });
});

test("an entry that cannot be read is CORRUPT, alone, and can be erased", async () => {
  const folder = freshFolder();
  const before = await open(folder);
  for (const kind of ["damaged", "whole"]) await before.save(recordOf(kind, { kind }));
  await before.close();
  const db = new ClassicLevel(folder);
  for await (const key of db.keys({ gt: "record\0" }))
    if (key.endsWith("damaged")) await db.put(key, "no value");
  await db.close();

  await using store = await open(folder);
  await expect(store.load(IDENTITY, "damaged")).rejects.toMatchObject({ code: "CORRUPT" });
  await expect(store.list(IDENTITY, "")).rejects.toMatchObject({ code: "CORRUPT" });
  expect((await store.load(IDENTITY, "whole")).eventId).toBe("whole");
  expect(await store.erase(IDENTITY)).toBe(2);
});
