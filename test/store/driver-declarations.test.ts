import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import type { Driver } from "../../src/contract/driver.js";
import { maintenanceScope } from "../../src/identity/scope.js";
import { createStore } from "../../src/store/driver-store.js";
import { scanKind } from "../../src/store/scan-kind.js";
import { sweep } from "../../src/store/sweep.js";
import { driverWith, IDENTITY, SLOT, stored } from "./store-rig.js";

// What a driver declares or leaves out, and what the package does where a call leaves out an option.

const SCOPE = maintenanceScope({ reason: "a test", tenant: SLOT.tenant });
const never = () => new Promise<never>(() => {});

/** The identities of as many tenants, so that no bound of one tenant comes first. */
const tenants = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ ...IDENTITY, tenant: `tenant-${index}` }));

test("inFlight: so many batches are under way, unless the store's options say otherwise", async () => {
  const sent = async (declared: Partial<Driver>, options = {}) => {
    let batches = 0;
    const apply = () => {
      batches++;
      return never();
    };
    const store = createStore(driverWith({ ...declared, apply }), options);
    for (const identity of tenants(6)) {
      store.save({ eventId: "e", identity, kind: "k", bytes: new Uint8Array(1) }).catch(() => {});
      await sleep(2);
    }
    await store.close({ timeoutMs: 0 }).catch(() => {});
    return batches;
  };
  expect([await sent({}), await sent({ inFlight: 3 }), await sent({ inFlight: 3 }, { inFlight: 2 })]).toEqual(
    [1, 3, 2],
  );
});

test("readsInFlight: so many reads are under way, 8 unless it says so", async () => {
  const under = async (declared: Partial<Driver>) => {
    let reads = 0;
    const hang = () => {
      reads++;
      return never();
    };
    const store = createStore(driverWith({ ...declared, read: hang, scan: hang }));
    for (const identity of tenants(200)) {
      store.find(identity, "k").catch(() => {});
      store.list(identity, "").catch(() => {});
    }
    for (let turns = 0; turns < 20; turns++) await turn();
    await store.close({ timeoutMs: 0 }).catch(() => {});
    return reads;
  };
  expect([await under({}), await under({ readsInFlight: 4 })]).toEqual([8, 4]);
});

test("returnsUnsharedBytes: payloads are handed on as they are, and copied without it", async () => {
  const record = stored();
  const read: Driver["read"] = async () => [record];
  const loaded = async (declared: Partial<Driver>) =>
    (await createStore(driverWith({ ...declared, read })).load(IDENTITY, SLOT.kind)).bytes;
  expect((await loaded({ returnsUnsharedBytes: true })).buffer).toBe(record.bytes.buffer);
  expect((await loaded({})).buffer).not.toBe(record.bytes.buffer);
});

test("count: without it, the records of a list are scanned page by page and counted", async () => {
  const kinds = ["k/1", "k/2", "k/3"];
  const scan: Driver["scan"] = async ({ after }) => {
    const kind = kinds.find((each) => each > (after?.kind ?? "")) as string;
    return { records: [stored({ kind })], more: kind !== kinds.at(-1) };
  };
  expect(await createStore(driverWith({ scan })).count(IDENTITY, "k/")).toBe(3);
});

test("timeoutMs: each page of a long scan has a deadline of its own", async () => {
  const deadlines: number[] = [];
  const scan: Driver["scan"] = async (_, limit) => {
    deadlines.push(limit?.deadline as number);
    await sleep(20);
    return { records: [stored({ kind: `k/${deadlines.length}` })], more: deadlines.length < 3 };
  };
  const store = createStore(driverWith({ scan, timeoutMs: 60_000 }));
  expect((await store.listKind(SCOPE, "k/")).map(({ kind }) => kind)).toEqual(["k/1", "k/2", "k/3"]);
  const [first, second, third] = deadlines as [number, number, number];
  expect(deadlines).toHaveLength(3);
  expect(second).toBeGreaterThanOrEqual(first + 15);
  expect(third).toBeGreaterThanOrEqual(second + 15);
});

test("scanKind: bytes: false asks for records without payloads, and yields them so", async () => {
  const store = createStore(await openMemory());
  await store.save({ eventId: "e", identity: IDENTITY, kind: "k", bytes: new Uint8Array([1, 2]) });
  const found: object[] = [];
  for await (const record of scanKind(store, SCOPE, "k", { bytes: false })) found.push(record);
  expect(found).toEqual([expect.objectContaining({ kind: "k" })]);
  expect(found[0]).not.toHaveProperty("bytes");
  await store.close();
});

test("sweep: looks at 1,000 records unless it is told how many", async () => {
  const store = createStore(await openMemory());
  const bytes = new Uint8Array(1);
  await store.commit(
    Array.from({ length: 1_001 }, (_, index) => ({
      op: "save" as const,
      record: { eventId: `e/${index}`, identity: IDENTITY, kind: `k/${index}`, bytes },
    })),
  );
  let looked = 0;
  const report = await sweep(store, SCOPE, "k/", async () => ++looked < 0);
  expect([looked, report.deleted, report.next !== undefined]).toEqual([1_000, 0, true]);
  await store.close();
});
