import { describe, expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import type { Layer, StoredRecord } from "../../src/contract/driver.js";
import {
  createStore,
  maintenanceScope,
  newEventId,
  type RecordKey,
  StateError,
  type StateRecord,
  type StateStore,
  sweep,
  userIdentity,
} from "../../src/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";

const isOver = ({ bytes }: StateRecord) => bytes[0] === 1;

/** Saves records under a kind, of which those at `over` are over. Returns the scope of their tenant. */
async function filled(store: StateStore, count: number, over: (index: number) => boolean) {
  const owner = newSession();
  const records = Array.from({ length: count }, (_, index) => ({
    eventId: newEventId(),
    identity: { ...owner, session: `s${index % 7}` },
    kind: `job/${String(index).padStart(4, "0")}`,
    bytes: new Uint8Array([over(index) ? 1 : 0]),
  }));
  await store.commit(records.map((record) => ({ op: "save", record })));
  const scope = maintenanceScope({ reason: "test", tenant: owner.tenant });
  const left = async () => (await store.listKind(scope, "job/")).map(({ kind }) => Number(kind.slice(4)));
  return { owner, scope, left };
}

onEveryStore((opened) => {
  test("deletes what is over and nothing else, in pieces that go on where the last one ended", async () => {
    const { owner, scope, left } = await filled(opened.store, 450, (index) => index % 3 === 0);
    const own = { eventId: newEventId(), identity: userIdentity(owner.tenant, "ann"), kind: "job/own" };
    await opened.store.save({ ...own, bytes: new Uint8Array([1]) });
    await opened.store.save({ ...own, eventId: newEventId(), kind: "jobs", bytes: new Uint8Array([1]) });
    let looked = 0;
    const counted = (record: StateRecord) => {
      looked++;
      return Promise.resolve(isOver(record));
    };
    const reports = [];
    for (let after: { after?: RecordKey } | undefined = {}; after !== undefined; ) {
      const report = await sweep(opened.store, scope, "job/", counted, { limit: 200, ...after });
      reports.push([report.deleted, looked]);
      // A job may keep the place as text.
      after = report.next && { after: JSON.parse(JSON.stringify(report.next)) as RecordKey };
      looked = 0;
    }
    expect(reports).toEqual([
      [67, 200],
      [67, 200],
      [17, 51],
    ]);
    expect(await left()).toEqual(
      Array.from({ length: 450 }, (_, index) => index).filter((index) => index % 3 !== 0),
    );
    expect(await opened.store.find(own.identity, "jobs")).toBeDefined();
  });

  test("leaves what was written or deleted after it was looked at, and does not count it", async () => {
    const { owner, scope, left } = await filled(opened.store, 3, () => true);
    const slow = async (record: StateRecord) => {
      const { identity, kind } = record;
      if (kind === "job/0000") await opened.store.delete(identity, kind);
      if (kind === "job/0001")
        await opened.store.save({ eventId: newEventId(), identity, kind, bytes: new Uint8Array([0]) });
      return isOver(record);
    };
    expect(await sweep(opened.store, scope, "job/", slow)).toEqual({ deleted: 1, damaged: [] });
    expect(await left()).toEqual([1]);
    expect((await opened.store.load({ ...owner, session: "s1" }, "job/0001")).bytes).toEqual(
      new Uint8Array([0]),
    );
  });
});

/** The driver damages the content of these kinds when it is read. */
function damaging(kinds: readonly string[]): Layer {
  return (driver) =>
    Object.assign(Object.create(driver) as typeof driver, {
      scan: async (query: Parameters<typeof driver.scan>[0]) => {
        const page = await driver.scan(query);
        const damage = (record: StoredRecord) =>
          kinds.includes(record.kind) ? { ...record, bytes: new Uint8Array([7, 7]) } : record;
        return { ...page, records: page.records.map(damage) };
      },
      apply: driver.apply.bind(driver),
      read: driver.read.bind(driver),
      close: driver.close.bind(driver),
    });
}

describe("a sweep", () => {
  test("passes over damaged records, names them, and deletes what lies around them", async () => {
    const kinds = ["job/0000", "job/0150", "job/0151", "job/0299"];
    const store = createStore(await openMemory(), { layers: [damaging(kinds)] });
    const { scope } = await filled(store, 300, () => true);
    const first = await sweep(store, scope, "job/", isOver, { limit: 151 });
    expect([first.deleted, first.damaged.map(({ kind }) => kind)]).toEqual([149, kinds.slice(0, 2)]);
    const second = await sweep(store, scope, "job/", isOver, { after: first.next as RecordKey });
    expect([second.deleted, second.damaged.map(({ kind }) => kind), second.next]).toEqual([
      147,
      kinds.slice(2),
      undefined,
    ]);
    await store.close();
  });

  test("ends with what isOver throws, also CORRUPT, and keeps what it had deleted", async () => {
    const store = createStore(await openMemory());
    const { scope, left } = await filled(store, 250, () => true);
    const at = { identity: newSession(), kind: "other" };
    for (const error of [
      new Error("cannot say"),
      new StateError("CORRUPT", "of another", { details: { at } }),
    ]) {
      const failing = (record: StateRecord) => {
        if (record.kind === "job/0220") throw error;
        return true;
      };
      await expect(sweep(store, scope, "job/", failing)).rejects.toBe(error);
    }
    expect((await left()).slice(0, 3)).toEqual([200, 201, 202]);
    await store.close();
  });

  test("ends when it is aborted", async () => {
    const store = createStore(await openMemory());
    const { scope, left } = await filled(store, 250, () => true);
    const given = new AbortController();
    const aborting = ({ kind }: StateRecord) => {
      if (kind === "job/0120") given.abort(new Error("enough"));
      return true;
    };
    await expect(sweep(store, scope, "job/", aborting, { signal: given.signal })).rejects.toThrow("enough");
    const kept = await left();
    expect(kept.length).toBeGreaterThanOrEqual(50);
    expect(kept.length).toBeLessThanOrEqual(150);
    await store.close();
  });

  test.each([
    [{ limit: 0 }, isOver, "limit"],
    [{ limit: 10_001 }, isOver, "limit"],
    [{ most: 1 }, isOver, "options"],
    [{ after: {} }, isOver, "after.identity"],
    [null, isOver, "options"],
    [{}, undefined, "isOver"],
  ])("refuses %j", async (options, is, field) => {
    const store = createStore(await openMemory());
    const scope = maintenanceScope({ reason: "test", tenant: "acme" });
    await expect(sweep(store, scope, "job/", is as never, options as never)).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field },
    });
    await expect(sweep(store, {} as never, "job/", isOver)).rejects.toMatchObject({
      code: "MAINTENANCE_SCOPE_REQUIRED",
    });
    await store.close();
  });
});
