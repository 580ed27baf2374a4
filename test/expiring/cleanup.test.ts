import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createExpiring } from "../../src/expiring/index.js";
import { entriesOf, entryId, type ValuePlace, valueCell } from "../../src/expiring/stored-value.js";
import {
  type Change,
  maintenanceScope,
  newEventId,
  openStore,
  type StateStore,
  tenantIdentity,
} from "../../src/index.js";
import type { Cell } from "../../src/typed/index.js";
import "../../drivers/index.js";
import { manualClock, withMethods } from "../sessions/rig.js";
import { isSoak } from "../soak.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** As many as a soak has time for. */
const MANY = isSoak ? 1_000_000 : 600;
const ALL = maintenanceScope({ reason: "test", allTenants: true });

async function savesOf(place: ValuePlace, ttlMs: number, now: number): Promise<Change[]> {
  const eventId = newEventId();
  const { group, key } = place;
  const saveOf = async <T>({ identity, kind, codec }: Cell<T>, value: T, id: string): Promise<Change> => ({
    op: "save",
    record: { eventId: id, identity, kind, bytes: await codec.encode(value), updatedAt: new Date(now) },
  });
  const [due, live] = entriesOf(place, now + ttlMs);
  return Promise.all([
    saveOf(valueCell(place), { group, key, ttlMs, value: 1 }, eventId),
    saveOf(due, null, entryId(eventId)),
    saveOf(live, null, newEventId()),
  ]);
}

/** A store of its own, and how much was asked of it. */
async function counted(url = "memory:") {
  const store = await openStore(url);
  const asked = { calls: 0, records: 0, payloads: 0, commits: 0 };
  const noting = withMethods(store, {
    listKind: (async (...args: Parameters<StateStore["listKind"]>) => {
      const page = await store.listKind(...args);
      asked.calls++;
      asked.records += page.length;
      asked.payloads += page.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0);
      return page;
    }) as StateStore["listKind"],
    find: (...args) => {
      asked.payloads++;
      return store.find(...args);
    },
    list: ((...args: Parameters<StateStore["list"]>) => {
      asked.payloads++;
      return store.list(...args);
    }) as StateStore["list"],
    commit: (...args) => {
      asked.commits++;
      return store.commit(...args);
    },
  });
  const clock = manualClock();
  const expiring = createExpiring(store, { clock });
  /** Values as `set` writes them, a thousand in a commit. */
  const fill = async (tenant: string, count: number, ttlMs: number, group = "g") => {
    const owner = tenantIdentity(tenant);
    for (let from = 0; from < count; from += 1_000) {
      const keys = Array.from({ length: Math.min(1_000, count - from) }, (_, n) => `${ttlMs}-${from + n}`);
      const changes = keys.map((key) => savesOf({ owner, group, key }, ttlMs, clock()));
      await store.commit((await Promise.all(changes)).flat());
    }
  };
  const left = (tenant: string) => store.count(tenantIdentity(tenant), "expiring/");
  return { store, asked, clock, expiring, cleaning: createExpiring(noting, { clock }), fill, left };
}

test(`of ${MANY} values 1 % has ended: clean-up reads that many entries, no value, and is done`, async () => {
  const folder = isSoak ? mkdtempSync(join(tmpdir(), "groundstate-expiring-")) : undefined;
  const { store, asked, clock, cleaning, fill, left } = await counted(
    folder && `sqlite:${join(folder, "s.db")}`,
  );
  const ended = MANY / 100;
  await fill("a", MANY - ended, HOUR);
  await fill("a", ended, MINUTE);
  clock.forward(MINUTE);
  expect(await cleaning.count({ tenant: "a" }, "g")).toBe(MANY - ended);
  const begun = performance.now();
  let removed = 0;
  for (let after: string | undefined, isDone = false; !isDone; ) {
    const done = await cleaning.cleanup(ALL, { limit: 10_000, after });
    removed += done.removed;
    after = done.next;
    isDone = after === undefined;
  }
  if (isSoak) console.log(`${removed} of ${MANY} removed in ${Math.round(performance.now() - begun)} ms`);
  expect([removed, await left("a")]).toEqual([ended, MANY - ended]);
  // A page of what has not ended may come with the last one.
  expect(asked.records).toBeLessThan(ended + 200);
  expect(asked.payloads).toBe(0);
  expect(asked.calls).toBeLessThan(ended / 50 + 10);
  await store.close();
  if (folder !== undefined) rmSync(folder, { recursive: true });
}, 1_800_000);

test("a tenant with many holds up no other, and who has nothing that ended costs one call", async () => {
  const { store, asked, clock, cleaning, fill, left } = await counted();
  for (const tenant of ["b", "d"]) await fill(tenant, 120, HOUR);
  await fill("a", 250, MINUTE);
  for (const tenant of ["c", "e"]) await fill(tenant, 3, MINUTE);
  clock.forward(MINUTE);
  const first = await cleaning.cleanup(ALL, { limit: 106 });
  expect(first.removed).toBe(106);
  expect(await Promise.all(["a", "b", "c", "d", "e"].map(left))).toEqual([150, 120, 0, 120, 0]);
  expect(asked.calls).toBeLessThan(8);
  // Meanwhile more of the first tenant ends; the others' turn comes all the same.
  await fill("e", 3, 1);
  clock.forward(1);
  let { next: after } = first;
  for (let calls = 0; after !== undefined; calls++) {
    expect(calls).toBeLessThan(20);
    ({ next: after } = await cleaning.cleanup(ALL, { limit: 106, after }));
  }
  expect(await Promise.all(["a", "b", "c", "d", "e"].map(left))).toEqual([0, 120, 0, 120, 0]);
  await store.close();
});

test("a call reads so many pages at most, also where nobody has anything that ended", async () => {
  const { store, asked, clock, cleaning, fill } = await counted();
  for (let n = 0; n < 30; n++) await fill(`tenant-${n + 10}`, 11, HOUR);
  await fill("zoe", 1, MINUTE);
  clock.forward(MINUTE);
  const removed: number[] = [];
  let after: string | undefined;
  do {
    asked.calls = 0;
    const done = await cleaning.cleanup(ALL, { limit: 10, after });
    expect(asked.calls).toBeLessThanOrEqual(10);
    removed.push(done.removed);
    after = done.next;
  } while (after !== undefined);
  expect(removed.reduce((sum, each) => sum + each, 0)).toBe(1);
  expect(removed.length).toBeGreaterThan(2);
  await store.close();
});

test("two clean-ups at once remove each value once", async () => {
  const { store, clock, expiring, fill, left } = await counted();
  await fill("a", 150, MINUTE);
  clock.forward(MINUTE);
  const both = await Promise.all([expiring.cleanup(ALL), expiring.cleanup(ALL)]);
  expect(both.reduce((sum, { removed }) => sum + removed, 0)).toBe(150);
  expect([await left("a"), await store.count(tenantIdentity("a"), "")]).toEqual([0, 0]);
  await store.close();
});

test("what is asked wrongly is refused", async () => {
  const { store, expiring } = await counted();
  const call = (options: unknown, scope: unknown = ALL) =>
    expiring.cleanup(scope as typeof ALL, options as { limit: number });
  for (const [field, options] of [
    ["limit", { limit: 0 }],
    ["limit", { limit: 10_001 }],
    ["after", { after: "tenant" }],
    ["after", { after: 1 }],
    ["options", { limits: 1 }],
  ] as const)
    await expect(call(options)).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field } });
  await expect(call({}, { tenant: "a" })).rejects.toMatchObject({ code: "MAINTENANCE_SCOPE_REQUIRED" });
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(call({ signal })).rejects.toThrow("enough");
  await store.close();
});
