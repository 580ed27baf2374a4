import { expect, test } from "vitest";
import type { Commit, Outcome } from "../../src/contract/driver.js";
import { createStore, maintenanceScope } from "../../src/index.js";
import { erased, IDENTITY } from "../store/store-rig.js";
import { commit, failure, freshPath, open, plainConnection, record, SLOT, save } from "./sqlite-rig.js";

const WINDOW = 1_000;
const TIMES = { now: 10_000, window: WINDOW };
const APPLIED_NEW: Outcome = { is: "applied", existed: [false] };
const APPLIED_OVER: Outcome = { is: "applied", existed: [true] };

async function opened() {
  const path = freshPath();
  const driver = await open({ path });
  const apply = (...commits: Commit[]) => driver.apply(commits, TIMES);
  return { driver, apply, table: plainConnection(path) };
}

test("commits of one batch see each other, in order, on one slot", async () => {
  const { driver, apply } = await opened();
  const first = save({ eventId: "first" });
  const outcomes = await apply(
    first,
    save({ eventId: "second" }),
    first,
    commit({ op: "delete", slot: SLOT, expect: "second" }),
    commit({ op: "save", record: record({ eventId: "third" }), expect: null }),
    commit({ op: "check", slot: SLOT, expect: "second" }),
  );
  expect(outcomes).toEqual([
    APPLIED_NEW,
    APPLIED_OVER,
    { is: "duplicate" },
    APPLIED_OVER,
    APPLIED_NEW,
    { is: "condition", write: 0, current: "third" },
  ]);
  expect((await driver.read([SLOT]))[0]?.eventId).toBe("third");
});

test("a commit that fails at its last write leaves nothing, and does not affect the other commits of the batch", async () => {
  const { driver, apply } = await opened();
  const kinds = Array.from({ length: 255 }, (_, index) => `kind${index}`);
  const failing = commit(
    ...kinds.map((kind) => ({ op: "save" as const, record: record({ kind, eventId: kind }) })),
    { op: "check", slot: SLOT, expect: "never" },
  );
  const outcomes = await apply(save({ kind: "before" }), failing, save({ kind: "behind" }));
  expect(outcomes).toEqual([APPLIED_NEW, { is: "condition", write: 255, current: null }, APPLIED_NEW]);
  const page = await driver.scan({ tenant: "acme", prefix: "", limit: 999, maxBytes: 1e9, reverse: false });
  expect(page.records.map(({ kind }) => kind)).toEqual(["before", "behind"]);
  expect(await driver.readByEventId(IDENTITY, "kind0")).toBeUndefined();
  expect(await apply(save({ kind: "kind0", eventId: "kind0" }))).toEqual([APPLIED_NEW]);
});

test("an id stands for its write when that was overwritten, deleted or erased", async () => {
  const { driver, apply } = await opened();
  const saves = ["overwritten", "deleted", "erased"].map((name) => save({ eventId: name, kind: name }));
  await apply(
    ...saves,
    save({ kind: "overwritten" }),
    commit({ op: "delete", slot: { ...SLOT, kind: "deleted" } }),
  );
  expect(await erased(driver, "acme", "ann", "s1")).toBe(2);
  expect(await apply(...saves)).toEqual(saves.map(() => ({ is: "duplicate" })));
  const others = saves.map(({ writes: [write] }) =>
    save({ ...(write as { record: object }).record, version: 7, fingerprint: "other" }),
  );
  const conflict = { is: "conflict", write: 0 };
  expect(await apply(...others)).toEqual([conflict, conflict, { is: "duplicate" }]);
});

test("erasing keeps only the event ids, and touches no other session", async () => {
  const { driver, apply, table } = await opened();
  await apply(
    save({ eventId: "old" }),
    save({ eventId: "a" }),
    save({ eventId: "b", run: "r1" }),
    save({ eventId: "c", session: "s2" }),
    save({ eventId: "d", user: "bob" }),
  );
  const other = save({ eventId: "a", tenant: "other" });
  await driver.apply([other], TIMES);
  expect(await erased(driver, "acme", "ann", "s1")).toBe(2);
  expect(await erased(driver, "acme", "ann", "s1")).toBe(0);
  const kept = table
    .prepare(
      "SELECT name || '/' || event_id FROM seen JOIN tenant ON id = tenant WHERE fingerprint IS NOT NULL",
    )
    .pluck();
  expect(kept.all().sort()).toEqual(["acme/c", "acme/d", "acme/old", "other/a"]);
  expect((await driver.readByEventId({ ...IDENTITY, tenant: "other" }, "a"))?.tenant).toBe("other");
  expect((await driver.readByEventId({ ...IDENTITY, session: "s2" }, "c"))?.session).toBe("s2");
});

test("overwriting keeps the row, so that what points at it stays right", async () => {
  const { apply, table } = await opened();
  const id = table.prepare("SELECT id FROM record").pluck();
  await apply(save());
  const before = id.all();
  await apply(save(), save({ eventId: "last" }));
  expect(id.all()).toEqual(before);
});

test("an id whose row was taken over by another record finds nothing", async () => {
  const { driver, apply } = await opened();
  await apply(
    save({ eventId: "gone" }),
    commit({ op: "delete", slot: SLOT }),
    save({ eventId: "next", kind: "other" }),
  );
  expect(await driver.readByEventId(IDENTITY, "gone")).toBeUndefined();
  expect((await driver.readByEventId(IDENTITY, "next"))?.kind).toBe("other");
  expect(await driver.readByEventId({ ...IDENTITY, tenant: "other" }, "next")).toBeUndefined();
  expect(await apply(save({ eventId: "gone" }))).toEqual([{ is: "duplicate" }]);
});

test("several slots are read in the order asked, empty payloads and all", async () => {
  const { driver, apply } = await opened();
  await apply(save({ kind: "a", bytes: new Uint8Array(0) }), save({ kind: "b", bytes: Buffer.from("b") }));
  const found = await driver.read(["b", "none", "a"].map((kind) => ({ ...SLOT, kind })));
  expect(found.map((each) => each && Buffer.from(each.bytes).toString())).toEqual(["b", undefined, ""]);
});

test("a record with columns of the wrong type is CORRUPT, and says where to its owner alone", async () => {
  const path = freshPath();
  const store = createStore(await open({ path }));
  const table = plainConnection(path);
  table.exec(`
    DROP TABLE record;
    CREATE TABLE record (id INTEGER PRIMARY KEY, tenant, user, session, run, kind, event_id, fingerprint, version,
      updated_at, bytes);
    INSERT INTO record VALUES (1, 'acme', 'ann', 's1', '', 'note', 'e', x'00', 1, 1, 'text');
    INSERT INTO tenant VALUES (1, 'acme');
    INSERT INTO seen VALUES ('e', 1, 1, 0, NULL);
  `);
  const identity = { tenant: "acme", user: "ann", session: "s1" };
  const scope = maintenanceScope({ reason: "test", allTenants: true });
  const readings = [
    store.load(identity, "note"),
    store.loadByEventId(identity, "e"),
    store.list(identity, ""),
    store.listKind(scope, "n"),
  ];
  for (const error of await Promise.all(readings.map(failure))) {
    expect(error).toMatchObject({ code: "CORRUPT", details: { at: { identity, kind: "note" } } });
  }
  const error = await failure(store.loadByEventId({ ...identity, user: "mallory" }, "e"));
  expect(error).toMatchObject({ code: "NOT_FOUND", details: {} });
});

test("tables that are missing are CORRUPT", async () => {
  const path = freshPath();
  const driver = await open({ path });
  plainConnection(path).exec("DROP TABLE seen");
  expect((await failure(driver.readByEventId(IDENTITY, "e"))).code).toBe("CORRUPT");
  expect((await failure(driver.apply([save()], TIMES))).code).toBe("CORRUPT");
});
