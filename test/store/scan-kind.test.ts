import { describe, expect, test } from "vitest";
import type { Driver, ScanQuery, StoredRecord } from "../../src/contract/driver.js";
import type { RecordKey, StateRecord } from "../../src/contract/store.js";
import { maintenanceScope } from "../../src/identity/scope.js";
import { compareByKind } from "../../src/rules/order.js";
import { createStore } from "../../src/store/driver-store.js";
import { scanKind } from "../../src/store/scan-kind.js";
import { collectGarbage, driverWith, failure, stored, thrown, unavailable } from "./store-rig.js";

const SCOPE = maintenanceScope({ reason: "test", tenant: "acme" });

/** A driver over these records, and the queries it got. */
function driverOf(records: readonly StoredRecord[]) {
  const asked: ScanQuery[] = [];
  const scan: Driver["scan"] = async (query) => {
    asked.push(query);
    const { after, limit, maxBytes } = query;
    const page: StoredRecord[] = [];
    let bytes = 0;
    for (const record of records) {
      if (after && compareByKind(record, after) <= 0) continue;
      if (page.length === limit || bytes >= maxBytes) return { records: page, more: true };
      page.push(record);
      bytes += record.bytes.byteLength;
    }
    return { records: page, more: false };
  };
  return { store: createStore(driverWith({ scan })), asked };
}

function numbered(count: number, fields: Partial<StoredRecord> = {}): StoredRecord[] {
  return Array.from({ length: count }, (_, index) => stored({ kind: kindOf(index), ...fields }));
}

function kindOf(index: number): string {
  return `k${String(index).padStart(6, "0")}`;
}

/** All records that a scan yields, and its error. */
async function drain(scan: AsyncGenerator<StateRecord>): Promise<{ kinds: string[]; error?: unknown }> {
  const kinds: string[] = [];
  try {
    for await (const { kind } of scan) kinds.push(kind);
    return { kinds };
  } catch (error) {
    return { kinds, error };
  }
}

describe("listKind", () => {
  test("without a limit reads pages of 500 records and 8 MiB, and returns every match", async () => {
    const { store, asked } = driverOf(numbered(1201));
    const found = await store.listKind(SCOPE, "k");
    expect(found.map(({ kind }) => kind)).toEqual(numbered(1201).map(({ kind }) => kind));
    expect(asked.map(({ limit, maxBytes, after }) => [limit, maxBytes, after?.kind])).toEqual([
      [500, 8 * 1024 * 1024, undefined],
      [500, 8 * 1024 * 1024, kindOf(499)],
      [500, 8 * 1024 * 1024, kindOf(999)],
    ]);
  });

  test("with a limit returns that many, even if pages end early because of their bytes", async () => {
    const { store, asked } = driverOf(numbered(30, { bytes: Buffer.alloc(1024 * 1024) }));
    expect(await store.listKind(SCOPE, "k", { limit: 20 })).toHaveLength(20);
    expect(asked.map(({ limit }) => limit)).toEqual([20, 12, 4]);
  });

  test("reads only the tenant of its scope, and all tenants only with allTenants", async () => {
    const { store, asked } = driverOf([]);
    await store.listKind(SCOPE, "k");
    await store.listKind(maintenanceScope({ reason: "test", allTenants: true }), "k");
    expect(asked.map((query) => ["tenant" in query, query.tenant])).toEqual([
      [true, "acme"],
      [false, undefined],
    ]);
  });
});

describe("list", () => {
  test("asks for one page, and goes on if a driver pages all the same", async () => {
    const records = numbered(5);
    const asked: ScanQuery[] = [];
    const scan: Driver["scan"] = async (query) => {
      asked.push(query);
      const rest = query.reverse
        ? records.filter(({ kind }) => !query.before || kind < query.before.kind).reverse()
        : records.filter(({ kind }) => !query.after || kind > query.after.kind);
      return { records: rest.slice(0, 2), more: rest.length > 2 };
    };
    const store = createStore(driverWith({ scan }));
    const kinds = async (reverse: boolean) =>
      (await store.list({ tenant: "acme", user: "ann", session: "s1" }, "k", { reverse })).map(
        ({ kind }) => kind,
      );
    const all = records.map(({ kind }) => kind);
    expect(await kinds(false)).toEqual(all);
    expect(await kinds(true)).toEqual([...all].reverse());
    expect(asked.every(({ limit, maxBytes }) => Math.min(limit, maxBytes) === Number.MAX_SAFE_INTEGER)).toBe(
      true,
    );
  });
});

describe("scanKind", () => {
  test.each([0, 1, 499, 500, 501, 1000])("yields %i records, in pages", async (count) => {
    const { store, asked } = driverOf(numbered(count));
    expect((await drain(scanKind(store, SCOPE, "k"))).kinds).toHaveLength(count);
    expect(asked).toHaveLength(Math.floor(count / 500) + 1);
  });

  test("reads 200,000 generated records, and holds few of them in memory", async () => {
    const made: WeakRef<StoredRecord>[] = [];
    const scan: Driver["scan"] = async ({ after, limit }) => {
      const from = after ? Number(after.kind.slice(1)) + 1 : 0;
      const records = Array.from({ length: Math.min(limit, 200_000 - from) }, (_, index) => {
        const record = stored({ kind: kindOf(from + index) });
        if (index === 0) made.push(new WeakRef(record));
        return record;
      });
      return { records, more: from + records.length < 200_000 };
    };
    let seen = 0;
    let most = 0;
    for await (const { kind } of scanKind(createStore(driverWith({ scan })), SCOPE, "k", {
      pageSize: 1000,
    })) {
      if (kind !== kindOf(seen++)) throw new Error(`${kind} came out of turn`);
      if (seen % 50_000 !== 0) continue;
      await new Promise(setImmediate);
      collectGarbage();
      most = Math.max(most, made.filter((ref) => ref.deref()).length);
    }
    expect([seen, made.length]).toEqual([200_000, 200]);
    expect(most).toBeLessThan(5);
  }, 120_000);

  test.each([0, 1, 250, 499, 500, 737])(
    "yields all records before the damaged record %i, throws its key, and goes on after it",
    async (bad) => {
      const records = numbered(800);
      records[bad] = { ...(records[bad] as StoredRecord), bytes: Buffer.from("flipped") };
      const { store } = driverOf(records);
      const { kinds, error } = await drain(scanKind(store, SCOPE, "k"));
      expect(kinds).toEqual(records.slice(0, bad).map(({ kind }) => kind));
      expect(error).toMatchObject({ code: "CORRUPT", details: { at: { kind: kindOf(bad) } } });

      const { at } = (error as { details: { at: RecordKey } }).details;
      const rest = await drain(scanKind(store, SCOPE, "k", { after: at }));
      expect(rest).toEqual({ kinds: records.slice(bad + 1).map(({ kind }) => kind) });
    },
  );

  test("throws at each of several damaged records", async () => {
    const records = numbered(20);
    for (const bad of [3, 4, 19]) records[bad] = { ...(records[bad] as StoredRecord), version: 9 };
    const { store } = driverOf(records);
    const found: string[] = [];
    const damaged: string[] = [];
    let from: { after?: RecordKey } = {};
    for (;;) {
      const { kinds, error } = await drain(scanKind(store, SCOPE, "k", { ...from, pageSize: 7 }));
      found.push(...kinds);
      if (error === undefined) break;
      const { at } = (error as { details: { at: RecordKey } }).details;
      damaged.push(at.kind);
      from = { after: at };
    }
    expect(damaged).toEqual([3, 4, 19].map(kindOf));
    expect(found).toHaveLength(17);
  });

  test("throws the error of a page in the middle, and reads that page once", async () => {
    const all = driverOf(numbered(1000));
    let pages = 0;
    const busy = unavailable("busy");
    const scan: Driver["scan"] = async () => {
      if (pages++ === 1) throw busy;
      return { records: numbered(500), more: true };
    };
    const { kinds, error } = await drain(scanKind(createStore(driverWith({ scan })), SCOPE, "k"));
    expect([kinds.length, error, pages]).toEqual([500, busy, 2]);
    await all.store.close();
  });

  test("stops reading when its consumer stops, and when its signal aborts", async () => {
    const { store, asked } = driverOf(numbered(5000));
    for await (const { kind } of scanKind(store, SCOPE, "k", { pageSize: 10 }))
      if (kind === kindOf(14)) break;
    expect(asked).toHaveLength(2);

    const controller = new AbortController();
    const scan = scanKind(store, SCOPE, "k", { pageSize: 10, signal: controller.signal });
    await scan.next();
    controller.abort("enough");
    const rest = await drain(scan);
    expect([rest.kinds.length, rest.error, asked.length]).toEqual([9, "enough", 3]);
  });

  test.each([
    [{ pageSize: undefined }, "pageSize"],
    [{ pageSize: 0 }, "pageSize"],
    [{ pageSize: 10_001 }, "pageSize"],
    [{ bytes: undefined }, "bytes"],
    [{ after: {} }, "after.identity"],
    [null, "options"],
  ])("refuses %j", async (options, field) => {
    const { store, asked } = driverOf([]);
    const error = await failure(scanKind(store, SCOPE, "k", options as never).next());
    expect(error).toMatchObject({ code: "INVALID_RECORD", details: { field } });
    expect(asked).toHaveLength(0);
  });

  test("without a scope does not call the driver", async () => {
    const { store, asked } = driverOf([]);
    const claim = { reason: "test", tenant: "acme" };
    for (const scope of [
      undefined,
      null,
      claim,
      { ...SCOPE },
      JSON.parse(JSON.stringify(SCOPE)),
      new Proxy(SCOPE, {}),
    ]) {
      expect(await thrown(scanKind(store, scope, "k").next())).toMatchObject({
        code: "MAINTENANCE_SCOPE_REQUIRED",
      });
    }
    expect(asked).toHaveLength(0);
  });
});
