import { describe, expect, test } from "vitest";
import { eventIdOf, eventKey } from "../../drivers/postgres/event-key.js";
import type { Commit, Driver, EraseTarget, ScanQuery, Session } from "../../src/contract/driver.js";
import {
  apply,
  commit,
  DAY,
  failOnUncaughtErrors,
  insertEvents,
  migratedDatabase,
  open,
  openFresh,
  plainClient,
  remove,
  SLOT,
  type Sql,
  save,
} from "./postgres-rig.js";

failOnUncaughtErrors();

const LARGE = 2500;
const APPLIED = { is: "applied", existed: [false] };
const DUPLICATE = { is: "duplicate" };

function erase(over: Partial<Session> = {}): Commit {
  const { tenant, user, session } = { ...SLOT, ...over };
  return { tenant, writes: [{ op: "erase", session: { tenant, user, session } }] };
}

/** A session of more records than are erased at once; their events expired or not. */
async function fill(sql: Sql, session = "s1", savedAt = Date.now()): Promise<void> {
  await sql.unsafe(`
    INSERT INTO groundstate.record
    SELECT 'acme', 'ann', '${session}', '', 'k' || lpad(n::text, 5, '0'), nextval('groundstate.record_id'),
      '${session}/' || n, 0, 1, repeat('f', 43), 'x' FROM generate_series(1, ${LARGE}) AS n`);
  await sql.unsafe(
    insertEvents({
      id: "event_id",
      tenant: "tenant",
      record: "id",
      time: savedAt,
      fingerprint: "fingerprint",
      from: `FROM groundstate.record WHERE session = '${session}'`,
    }),
  );
}

async function large(): Promise<{ url: string; driver: Driver; sql: Sql }> {
  const { url, driver, sql } = await openFresh();
  await fill(sql);
  return { url, driver, sql };
}

function sweep(driver: Driver, target: EraseTarget) {
  return driver.sweep(target);
}

async function sweepAll(driver: Driver, target: EraseTarget = SLOT): Promise<number> {
  let sum = 0;
  for (;;) {
    const { removed, more } = await sweep(driver, target);
    expect(removed).toBeLessThanOrEqual(1100);
    sum += removed;
    if (!more) return sum;
  }
}

/** Page after page, from where each says. */
async function scanAll(
  driver: Driver,
  query: ScanQuery,
): Promise<{ found: readonly string[]; pages: number }> {
  const found: string[] = [];
  let from = {};
  for (let pages = 1; ; pages++) {
    const page = await driver.scan({ ...query, ...from });
    found.push(...page.records.map(({ eventId }) => eventId));
    if (!page.more) return { found, pages };
    const place = page.next ?? page.records.at(-1);
    from = query.reverse ? { before: place } : { after: place };
  }
}

async function count(sql: Sql, table: string): Promise<number> {
  const [row] = await sql.unsafe(`SELECT count(*) AS n FROM groundstate.${table}`);
  return Number(row?.n);
}

const listed = { tenant: "acme", identity: SLOT, prefix: "k", limit: 100, maxBytes: 1e6 };

describe("an erase of more than is removed at once", () => {
  test("is complete for every reader once it is answered, in its batch and outside", async () => {
    const { driver, sql } = await large();
    await apply(driver, [save({ session: "other", kind: "k", eventId: "other" })]);
    const outcomes = await apply(driver, [
      save({ kind: "k00002", eventId: "before" }, "s1/2"),
      erase(),
      // A slot of those that are left, as if it were empty.
      save({ kind: "k02000", eventId: "after" }, null),
      remove({ kind: "k02001" }),
      save({ kind: "k02002", eventId: "s1/2002" }),
      save({ kind: "k", session: "other", eventId: "s1/2100" }, "nonsense"),
    ]);
    expect(outcomes).toEqual([
      { is: "applied", existed: [true] },
      { is: "applied", existed: [false], erased: [1000], remains: true },
      APPLIED,
      APPLIED,
      DUPLICATE,
      DUPLICATE,
    ]);
    const names = (kind: string) => ({ ...SLOT, kind });
    expect(await driver.read([names("k02100"), names("k02000"), names("k02001")])).toMatchObject([
      undefined,
      { eventId: "after" },
      undefined,
    ]);
    expect(await driver.read([names("k02200")])).toEqual([undefined]);
    expect(await driver.readByEventId(SLOT, "s1/2100")).toBeUndefined();
    for (const reverse of [false, true]) {
      const { records } = await driver.scan({ ...listed, reverse });
      expect(records.map(({ eventId }) => eventId)).toEqual(["after"]);
    }
    const scanned = await driver.scan({ prefix: "k", limit: 100, maxBytes: 1e6, reverse: false });
    expect(scanned.records.map(({ eventId }) => eventId)).toEqual(["other", "after"]);
    // Many in one statement, and a lone one.
    const retries = [1, 1500, 2000, 2200].map((n) => save({ kind: `q${n}`, eventId: `s1/${n}` }));
    expect(await apply(driver, retries)).toEqual(Array(4).fill(DUPLICATE));
    expect(await apply(driver, [save({ kind: "k02200", eventId: "fresh" }, null)])).toEqual([APPLIED]);

    expect(await sweepAll(driver)).toBe(LARGE - 1000);
    expect(await sweep(driver, SLOT)).toEqual({ removed: 0, more: false });
    expect(await count(sql, "fenced_range")).toBe(0);
    expect(await sql`SELECT event_id FROM groundstate.record ORDER BY 1`).toMatchObject(
      ["after", "fresh", "other"].map((event_id) => ({ event_id })),
    );
    // Of what was erased the ids are left, and nothing that tells what they stood for; one was overwritten before.
    expect(
      await sql.unsafe(`SELECT count(*) AS n, count(fingerprint) AS told
        FROM (SELECT fingerprint, ${eventIdOf("event_key")} AS event_id FROM groundstate.event) AS e
        WHERE event_id LIKE 's1/%' AND event_id <> 's1/2'`),
    ).toEqual([{ n: String(LARGE - 1), told: "0" }]);
    expect(await apply(driver, [save({ kind: "else", eventId: "s1/1800" })])).toEqual([DUPLICATE]);
  });

  test("an event id of an erased session that is past its window is new, and its record is not swept with the erased ones", async () => {
    const { driver, sql } = await openFresh();
    await fill(sql, "s1", Date.now() - 2 * DAY);
    await apply(driver, [erase()]);
    const again = save({ session: "other", kind: "k", eventId: "s1/2100" });
    expect(await apply(driver, [again])).toEqual([APPLIED]);
    await sweepAll(driver);
    expect(await apply(driver, [again])).toEqual([DUPLICATE]);
    expect(await apply(driver, [save({ session: "other", kind: "l", eventId: "s1/2100" })])).toEqual([
      { is: "conflict", write: 0 },
    ]);
  });

  test("again, before the first is swept: what was saved since is erased too, and the sums hold", async () => {
    const { driver, sql } = await large();
    expect(await apply(driver, [erase()])).toMatchObject([{ erased: [1000], remains: true }]);
    expect((await sweep(driver, SLOT)).removed).toBe(1000);
    await fill(sql, "s2");
    const since = Array.from({ length: 8 }, (_, n) => save({ kind: `k0000${n}` }, null));
    expect(await apply(driver, since)).toEqual(Array(8).fill(APPLIED));
    expect(await apply(driver, [erase()])).toEqual([
      { is: "applied", existed: [false], erased: [0], remains: true },
    ]);
    expect((await driver.scan({ ...listed, reverse: false })).records).toEqual([]);
    expect(await apply(driver, [save({ kind: "k00001", eventId: "last" }, null)])).toEqual([APPLIED]);
    expect(await sweepAll(driver)).toBe(LARGE - 2000 + 8);
    expect(await driver.read([{ ...SLOT, kind: "k00001" }])).toMatchObject([{ eventId: "last" }]);
    expect(await count(sql, "record")).toBe(1 + LARGE);
    // A third time: generations of what is there are not met again.
    expect(await apply(driver, [erase()])).toMatchObject([{ erased: [1] }]);
    expect(await count(sql, "record")).toBe(LARGE);
  });

  test("of one batch all together remove no more at once than one may", async () => {
    const { driver, sql } = await openFresh();
    for (const session of ["s1", "s2", "s3"]) await fill(sql, session);
    const outcomes = await apply(driver, [erase(), erase({ session: "s2" }), erase({ session: "s3" })]);
    expect(outcomes).toMatchObject([
      { erased: [1000], remains: true },
      { erased: [0], remains: true },
      { erased: [0], remains: true },
    ]);
    for (const session of ["s1", "s2", "s3"]) await sweepAll(driver, { ...SLOT, session });
    expect(await count(sql, "record")).toBe(0);
    expect(await count(sql, "fenced_range")).toBe(0);
  });

  test("in one commit with saves of another session", async () => {
    const { driver } = await large();
    const both = commit(...save({ session: "other" }).writes, ...erase().writes);
    expect(await apply(driver, [both])).toEqual([
      { is: "applied", existed: [false, false], erased: [1000], remains: true },
    ]);
    const refused = commit(...save({ session: "other" }, "x").writes, ...erase().writes);
    expect(await apply(driver, [refused])).toMatchObject([{ is: "condition" }]);
  });

  test("whose process died: later batches of any process remove the rest, a few records each", async () => {
    const { driver, sql } = await large();
    await apply(driver, [erase()]);
    await apply(driver, [save({ tenant: "globex" })]);
    expect(await count(sql, "record")).toBe(LARGE - 1000 + 1);
    await sql`UPDATE groundstate.fenced_range SET touched_at = touched_at - 61000`;
    for (let n = 0; n < 20 && (await count(sql, "fenced_range")) > 0; n++) {
      const before = await count(sql, "record");
      await apply(driver, [save({ tenant: "globex" })]);
      expect(before - (await count(sql, "record"))).toBeLessThanOrEqual(200);
    }
    expect(await count(sql, "record")).toBe(1);
    expect(await count(sql, "fenced_range")).toBe(0);
  });

  test("an abandoned erase whose session or event is locked fails no other batch", async () => {
    const { url, driver, sql } = await large();
    await apply(driver, [erase()]);
    await sql`UPDATE groundstate.fenced_range SET touched_at = touched_at - 61000`;
    const other = plainClient(url);
    for (const lock of [
      "SELECT FROM groundstate.fenced_range FOR UPDATE",
      `SELECT FROM groundstate.event WHERE event_key > ${eventKey("'s1/1'::text")} FOR UPDATE`,
    ]) {
      await other.unsafe(`BEGIN; ${lock}`);
      expect(await apply(driver, [save({ tenant: "globex", kind: lock })])).toEqual([APPLIED]);
      await other.unsafe("ROLLBACK");
    }
    expect(await count(sql, "record")).toBe(LARGE - 1000 + 2);
  });
});

describe("an erase by prefix of more than is removed at once", () => {
  const erasing = (prefix: string, run = ""): Commit => {
    const { tenant, user, session } = SLOT;
    return { tenant, writes: [{ op: "erase", slots: { tenant, user, session, run, prefix } }] };
  };
  const of = (prefix: string) => ({ ...SLOT, run: "", prefix });
  const REMAINS = { is: "applied", existed: [false], remains: true } as const;

  test("has a fence of its own: what lies beside it is read, written and erased as always", async () => {
    const { driver, sql } = await large();
    const others = ["k", "k1"].map((kind) => save({ kind, eventId: kind }));
    await apply(driver, [...others, save({ run: "r2", kind: "k00001", eventId: "other run" })]);
    const outcomes = await apply(driver, [
      erasing("k0"),
      save({ kind: "k01", eventId: "after" }, null),
      remove({ kind: "k02001" }),
      save({ kind: "k1", eventId: "k1 again" }, "k1"),
      erasing("k", "r2"),
    ]);
    expect(outcomes).toEqual([
      { ...REMAINS, erased: [1000] },
      APPLIED,
      APPLIED,
      { is: "applied", existed: [true] },
      { ...REMAINS, erased: [0] },
    ]);
    const list = { ...listed, prefix: "", reverse: false };
    expect((await scanAll(driver, list)).found).toEqual(["k", "after", "k1 again"]);
    expect(await sweepAll(driver, of("k1"))).toBe(0);
    // With the one that a batch has removed.
    expect(await sweepAll(driver, of("k0"))).toBe(LARGE - 1000);
    expect(await sweepAll(driver, { ...of("k"), run: "r2" })).toBe(1);
    expect((await scanAll(driver, list)).found).toEqual(["k", "after", "k1 again"]);
    expect(await count(sql, "record")).toBe(3);
    expect(await count(sql, "fenced_range")).toBe(0);
  });

  test("is taken over by an erase of the session, and what is left of a wider one is swept for it", async () => {
    const { driver, sql } = await large();
    const erased = await apply(driver, [erasing("k02"), erasing("k01"), erasing("k0")]);
    expect(erased).toMatchObject([
      { erased: [501] },
      { erased: [499], remains: true },
      { erased: [0], remains: true },
    ]);
    expect(await count(sql, "fenced_range")).toBe(1);
    // It covers them already.
    await apply(driver, [erasing("k01"), erasing("k")]);
    expect(await count(sql, "fenced_range")).toBe(1);
    await apply(driver, [save({ kind: "k01new" }), erase()]);
    expect(await count(sql, "fenced_range")).toBe(1);
    // Narrower, and newer: has a fence beside that of the session.
    await apply(driver, [
      save({ kind: "k01since" }),
      save({ kind: "k02since", eventId: "kept" }),
      erasing("k01"),
    ]);
    expect(await count(sql, "fenced_range")).toBe(2);
    const { found } = await scanAll(driver, { ...listed, prefix: "", reverse: false });
    expect(found).toEqual(["kept"]);
    expect(await sweepAll(driver, of("k01"))).toBe(LARGE - 1000 + 2);
    expect(await count(sql, "record")).toBe(1);
    expect(await count(sql, "fenced_range")).toBe(0);
  });

  test("whose process died: later batches remove the rest", async () => {
    const { driver, sql } = await large();
    await apply(driver, [save({ kind: "l" }), erasing("k")]);
    await sql`UPDATE groundstate.fenced_range SET touched_at = touched_at - 61000`;
    for (let n = 0; n < 20 && (await count(sql, "fenced_range")) > 0; n++)
      await apply(driver, [save({ tenant: "globex" })]);
    expect(await count(sql, "record")).toBe(2);
    expect(await count(sql, "fenced_range")).toBe(0);
  });
});

describe("a page of a scan is bounded by its work", () => {
  test("records that an erase has not removed yet are skipped, a page at a time", async () => {
    const { driver, sql } = await openFresh();
    for (const session of ["s1", "s2"]) await fill(sql, session);
    await apply(driver, [
      erase(),
      erase({ session: "s2" }),
      save({ session: "s2", kind: "k99999", eventId: "last" }),
    ]);
    const query = { prefix: "k", limit: 10, maxBytes: 1e6, reverse: false };
    // 4,000 of them before the only record.
    expect(await scanAll(driver, query)).toEqual({ found: ["last"], pages: 3 });

    const identity = { ...SLOT, session: "s2" };
    await apply(driver, [save({ ...identity, kind: "a", eventId: "first" })]);
    const list = { tenant: "acme", identity, prefix: "", limit: 10, maxBytes: 1e6 };
    for (const reverse of [false, true]) {
      const found = reverse ? ["last", "first"] : ["first", "last"];
      expect(await scanAll(driver, { ...list, reverse })).toEqual({ found, pages: 2 });
    }
  });

  test("tenants are sought a page at a time, and none is missed or returned twice", async () => {
    const { driver, sql } = await openFresh();
    await sql.unsafe(`
      INSERT INTO groundstate.record
      SELECT 't' || lpad(n::text, 5, '0'), 'u', 's', '', CASE WHEN n % 1999 = 0 THEN 'rare' ELSE 'often' END,
        nextval('groundstate.record_id'), 'e' || n, 0, 1, repeat('f', 43), '' FROM generate_series(1, 5000) AS n`);
    const query = { prefix: "rare", limit: 2, maxBytes: 1e6, reverse: false };
    expect(await scanAll(driver, query)).toEqual({ found: ["e1999", "e3998"], pages: 3 });
  });
});

test("erases of many processes beside saves: no record that was erased comes back, none that was saved since goes", async () => {
  const url = await migratedDatabase();
  const drivers = [await open({ url }), await open({ url }), await open({ url })] as const;
  const sql = plainClient(url);
  await fill(sql);
  const [a, b, c] = drivers;
  const mixed = Array.from({ length: 30 }, (_, n) =>
    apply(b, [save({ kind: `k${String(n * 80).padStart(5, "0")}`, eventId: `m${n}` })]),
  );
  const [erased] = await Promise.all([apply(a, [erase()]), ...mixed]);
  const outcome = erased[0] as unknown as { erased: readonly number[] };
  let sum = outcome.erased[0] as number;
  const sweeps = [a, b, c].map((driver) => sweepAll(driver));
  const later = await apply(c, [commit(...["k00007", "k02400"].flatMap((kind) => save({ kind }).writes))]);
  for (const swept of await Promise.all(sweeps)) sum += swept;
  expect(later).toEqual([{ is: "applied", existed: [false, false] }]);
  const left = await count(sql, "record");
  // Each of the thirty was saved before the erase, into a slot that was there, or after it.
  expect(left + sum).toBeGreaterThanOrEqual(LARGE + 2);
  expect(left).toBeLessThanOrEqual(32);
  const all = { ...listed, prefix: "", limit: 10_000, reverse: false };
  expect((await scanAll(c, all)).found).toHaveLength(left);
  expect(await count(sql, "fenced_range")).toBe(0);
});
