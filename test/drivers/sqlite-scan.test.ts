import { describe, expect, test } from "vitest";
import type { Connection, Statement } from "../../drivers/sqlite/connection.js";
import { Engine } from "../../drivers/sqlite/engine.js";
import { Reader } from "../../drivers/sqlite/reader.js";
import type { ScanQuery, Slot } from "../../src/contract/driver.js";
import { commit, freshPath, open, plainConnection, record, SLOT } from "./sqlite-rig.js";

const EVERYTHING = { limit: Number.MAX_SAFE_INTEGER, maxBytes: Number.MAX_SAFE_INTEGER, reverse: false };
const OWNER = { tenant: "acme", user: "ann", session: "s1", run: "" };

async function driverWith(...slots: Partial<Slot & { bytes: Uint8Array }>[]) {
  const driver = await open({ path: freshPath() });
  for (const slot of slots) {
    const saved = record(slot);
    await driver.apply([{ ...commit({ op: "save", record: saved }), tenant: saved.tenant }], {
      now: 1,
      window: 1,
    });
  }
  const kinds = async (query: Partial<ScanQuery>) => {
    const { records, more } = await driver.scan({ ...EVERYTHING, prefix: "", ...query });
    return more ? [...records.map(({ kind }) => kind), "more"] : records.map(({ kind }) => kind);
  };
  return { driver, kinds };
}

const place = (kind: string, slot: Partial<Slot> = {}): Slot => ({ ...SLOT, ...slot, kind });

describe("the records of an identity", () => {
  const ODD_NAMES = [
    "%",
    "A",
    "_",
    "a",
    "a\u0001",
    "a/",
    "a/b",
    "ab",
    "\u{ffff}",
    "\u{10ffff}",
    "\u{10ffff}x",
  ];

  test("are in the order of their bytes, by literal prefix", async () => {
    const { kinds } = await driverWith(...ODD_NAMES.toReversed().map((kind) => ({ kind })), {
      kind: "a",
      run: "r",
    });
    const identity = OWNER;
    expect(await kinds({ identity })).toEqual(ODD_NAMES);
    expect(await kinds({ identity, reverse: true })).toEqual(ODD_NAMES.toReversed());
    expect(await kinds({ identity, prefix: "a" })).toEqual(["a", "a\u0001", "a/", "a/b", "ab"]);
    expect(await kinds({ identity, prefix: "a/" })).toEqual(["a/", "a/b"]);
    for (const prefix of ["%", "_", "A"]) expect(await kinds({ identity, prefix })).toEqual([prefix]);
    expect(await kinds({ identity, prefix: "\u{10ffff}" })).toEqual(["\u{10ffff}", "\u{10ffff}x"]);
  });

  test("are narrowed by cursors, whether or not a record is there", async () => {
    const { kinds } = await driverWith(...ODD_NAMES.map((kind) => ({ kind })));
    const identity = OWNER;
    expect(await kinds({ identity, after: place("a"), before: place("ab") })).toEqual([
      "a\u0001",
      "a/",
      "a/b",
    ]);
    expect(await kinds({ identity, after: place("a."), before: place("aa") })).toEqual(["a/", "a/b"]);
    expect(await kinds({ identity, prefix: "a/", after: place("A"), before: place("z") })).toEqual([
      "a/",
      "a/b",
    ]);
    expect(await kinds({ identity, prefix: "a/", after: place("z") })).toEqual([]);
    expect(await kinds({ identity, prefix: "a/", before: place("A") })).toEqual([]);
    expect(await kinds({ identity, after: place("ab"), before: place("a") })).toEqual([]);
    expect(await kinds({ identity, before: place("ab"), reverse: true, limit: 2 })).toEqual([
      "a/b",
      "a/",
      "more",
    ]);
  });

  test("come in pages by number and by bytes, of one record at least", async () => {
    const { kinds } = await driverWith(
      ...["a", "b", "c", "d"].map((kind) => ({ kind, bytes: Buffer.alloc(10) })),
    );
    const identity = OWNER;
    expect(await kinds({ identity, limit: 2 })).toEqual(["a", "b", "more"]);
    expect(await kinds({ identity, limit: 4 })).toEqual(["a", "b", "c", "d"]);
    expect(await kinds({ identity, maxBytes: 1 })).toEqual(["a", "more"]);
    expect(await kinds({ identity, maxBytes: 10 })).toEqual(["a", "more"]);
    expect(await kinds({ identity, maxBytes: 11 })).toEqual(["a", "b", "more"]);
    expect(await kinds({ identity, maxBytes: 40 })).toEqual(["a", "b", "c", "d"]);
  });
});

describe("across identities", () => {
  const SLOTS = ["t1", "t2", "t3", "t4"].flatMap((tenant) =>
    ["job/1", "job/2", "note"].flatMap((kind) =>
      ["u1", "u2"].map((user) => ({ tenant, kind, user, session: "s", run: "" })),
    ),
  );
  const key = (slot: Slot) => [slot.tenant, slot.kind, slot.user].join(" ");
  const jobs = SLOTS.filter(({ kind }) => kind.startsWith("job/")).map(key);

  test.each([1, 2, 3, 5, 16, 100])(
    "pages of %i cover all tenants in order, each record once",
    async (limit) => {
      const { driver } = await driverWith(...SLOTS.toReversed(), { tenant: "t25", kind: "other" });
      const found: string[] = [];
      let after: Slot | undefined;
      for (;;) {
        const page = await driver.scan({ ...EVERYTHING, prefix: "job/", limit, ...(after && { after }) });
        found.push(...page.records.map(key));
        expect(page.records.length).toBeLessThanOrEqual(limit);
        if (!page.more) break;
        after = page.records.at(-1) as Slot;
      }
      expect(found).toEqual(jobs);
    },
  );

  test("a scan stays in its tenant, and starts after a cursor whose record may be gone", async () => {
    const { driver } = await driverWith(...SLOTS);
    const query = { ...EVERYTHING, prefix: "job/", tenant: "t2" };
    const at = (tenant: string, kind: string, user: string) => ({
      tenant,
      kind,
      user,
      session: "s",
      run: "",
    });
    const found = async (more: Partial<ScanQuery>) =>
      (await driver.scan({ ...query, ...more })).records.map(key);
    const inT2 = jobs.filter((each) => each.startsWith("t2"));
    expect(await found({})).toEqual(inT2);
    expect(await found({ after: at("t2", "job/1", "u1") })).toEqual(inT2.slice(1));
    expect(await found({ after: at("t2", "job/1", "u15") })).toEqual(inT2.slice(1));
    expect(await found({ after: at("t1", "z", "z") })).toEqual(inT2);
    expect(await found({ after: at("t2", "a", "z") })).toEqual(inT2);
    expect(await found({ after: at("t3", "a", "a") })).toEqual([]);
    expect(await found({ before: at("t2", "job/2", "u1") })).toEqual(inT2.slice(0, 2));
  });

  test("bytes end a page across tenants", async () => {
    const { driver } = await driverWith(...SLOTS.map((slot) => ({ ...slot, bytes: Buffer.alloc(4) })));
    const page = await driver.scan({ ...EVERYTHING, prefix: "job/", maxBytes: 20 });
    expect(page.records.map(key)).toEqual(jobs.slice(0, 5));
    expect(page.more).toBe(true);
  });

  test("a store with nothing in it has no more", async () => {
    const { driver } = await driverWith({ kind: "note" });
    expect(await driver.scan({ ...EVERYTHING, prefix: "job/" })).toMatchObject({ records: [], more: false });
  });
});

describe("query plans", () => {
  /** What the driver would run, as SQLite would run it. */
  async function plans(prepare: (connection: Connection) => unknown) {
    const path = freshPath();
    await open({ path });
    const connection = plainConnection(path);
    const found: [sql: string, plan: string][] = [];
    prepare({
      prepare(sql: string) {
        const values = Array.from(sql.matchAll(/\?/g), () => 1);
        const steps = connection.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values) as { detail: string }[];
        found.push([sql, steps.map(({ detail }) => detail).join("; ")]);
        return connection.prepare(sql) as unknown as Statement;
      },
      pragma: () => 1,
      exec() {},
      close() {},
      inTransaction: false,
    });
    return found;
  }

  test("no read scans a table or sorts", async () => {
    const found = await plans((connection) => {
      new Reader(connection).read([]);
    });
    expect(found.length).toBeGreaterThan(6);
    // A count scans the piece that it has found, which is bounded.
    for (const [sql, plan] of found)
      expect(plan, sql).not.toMatch(/SCAN (?!\(subquery)|TEMP B-TREE|AUTOMATIC/);
    expect(found.map(([, plan]) => plan)).toContainEqual(
      expect.stringContaining("record_by_kind (tenant=? AND (kind,user,session,run)>(?,?,?,?) AND kind<?)"),
    );
  });

  test("no write scans a table or sorts, except the ends of the expiry queue and the few erases under way", async () => {
    const writes = await plans((connection) => {
      new Engine(connection).apply(
        [{ tenant: "t", writes: [{ op: "erase", session: { tenant: "t", user: "u", session: "s" } }] }],
        { now: 0, window: 1 },
      );
    });
    expect(writes.length).toBeGreaterThan(12);
    const fullScans = writes
      .filter(([, plan]) => /SCAN|TEMP B-TREE|AUTOMATIC/.test(plan))
      .map(([sql]) => sql);
    for (const sql of fullScans)
      expect(sql).toMatch(/ORDER BY (event\.)?id( DESC)? LIMIT|FROM fence WHERE touched_at/);
  });
});
