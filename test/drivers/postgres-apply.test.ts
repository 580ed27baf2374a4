import type postgres from "postgres";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Random, seeded } from "../../conformance/inputs/seeded.js";
import { eventIdOf } from "../../drivers/postgres/event-key.js";
import type { Commit, Driver, Outcome } from "../../src/contract/driver.js";
import { isStateError } from "../../src/contract/errors.js";
import { decide, slotOf } from "../../src/rules/decide.js";
import { slotKey } from "../../src/rules/slot-key.js";
import { createStore } from "../../src/store/driver-store.js";
import { startServer } from "../postgres/database.js";
import { erased } from "../store/store-rig.js";
import {
  apply,
  check,
  commit,
  DAY,
  failOnUncaughtErrors,
  failure,
  migratedDatabase,
  open,
  openFresh,
  plainClient,
  record,
  rememberedIds,
  remove,
  SECRETS,
  SLOT,
  type Sql,
  save,
  stored,
} from "./postgres-rig.js";

failOnUncaughtErrors();

const APPLIED_NEW = { is: "applied", existed: [false] };
const APPLIED_OVER = { is: "applied", existed: [true] };
const DUPLICATE = { is: "duplicate" };

describe("a batch that touches one slot many times", () => {
  test("takes effect in order, each commit seeing the one before", async () => {
    const { driver, sql } = await openFresh();
    const one = save({ eventId: "1" }, null);
    const outcomes = await apply(driver, [
      remove(),
      one,
      one,
      save({ eventId: "1", version: 7 }),
      save({ eventId: "2" }, "1"),
      save({ eventId: "3" }, "1"),
      check({}, "2"),
      remove({}, "2"),
      check({}, null),
      remove(),
      save({ eventId: "4" }, null),
      save({ eventId: "2" }),
    ]);
    expect(outcomes).toEqual([
      APPLIED_NEW,
      APPLIED_NEW,
      DUPLICATE,
      { is: "conflict", write: 0 },
      APPLIED_OVER,
      { is: "condition", write: 0, current: "2" },
      APPLIED_OVER,
      APPLIED_OVER,
      APPLIED_NEW,
      APPLIED_NEW,
      APPLIED_NEW,
      DUPLICATE,
    ]);
    expect(await stored(sql)).toMatchObject([{ event_id: "4" }]);
  });

  test("256 commits on one slot, and 4,096 changes in one commit", async () => {
    const { driver, sql } = await openFresh();
    const chain = Array.from({ length: 256 }, (_, n) =>
      save({ eventId: `c${n}` }, n === 0 ? null : `c${n - 1}`),
    );
    const outcomes = await apply(driver, chain);
    expect(outcomes[0]).toEqual(APPLIED_NEW);
    for (const outcome of outcomes.slice(1)) expect(outcome).toEqual(APPLIED_OVER);
    expect(await driver.read([SLOT])).toMatchObject([{ eventId: "c255" }]);

    const kinds = Array.from({ length: 4096 }, (_, n) => `kind/${String(n).padStart(4, "0")}`);
    const wide = kinds.map((kind) => ({ op: "save", record: record({ kind }) }) as const);
    const [last] = wide.slice(-1) as [(typeof wide)[number]];
    const broken = [...wide.slice(0, -1), { ...last, expect: "other" }];
    expect(await apply(driver, [commit(...broken)])).toEqual([
      { is: "condition", write: 4095, current: null },
    ]);
    expect(await stored(sql)).toHaveLength(1);
    expect(await apply(driver, [commit(...wide)])).toEqual([
      { is: "applied", existed: Array(4096).fill(false) },
    ]);
    expect(await apply(driver, [commit(...broken)])).toEqual([DUPLICATE]);
    expect(await stored(sql)).toHaveLength(4097);
  });

  test("one event id in several commits of a batch", async () => {
    const { driver } = await openFresh();
    const outcomes = await apply(driver, [
      save({ eventId: "shared", kind: "a" }),
      save({ eventId: "shared", kind: "b" }),
      save({ eventId: "shared", kind: "a" }),
      commit(
        { op: "save", record: record({ eventId: "shared", kind: "a" }) },
        { op: "save", record: record({ eventId: "fresh", kind: "c" }) },
      ),
      save({ eventId: "shared", tenant: "another" }),
    ]);
    expect(outcomes).toEqual([
      APPLIED_NEW,
      { is: "conflict", write: 0 },
      DUPLICATE,
      { is: "conflict", write: 0 },
      APPLIED_NEW,
    ]);
  });

  test("answers as `decide` does, whatever the commits", async () => {
    const { driver, sql } = await openFresh();
    const model = new Model();
    const random = seeded(7);
    for (let round = 0; round < 60; round++) {
      const commits = Array.from({ length: 1 + random(12) }, () => anyCommit(random));
      expect(await apply(driver, commits)).toEqual(commits.map((each) => model.apply(each)));
    }
    const rows = (await stored(sql)).map((row) => `${row.session}/${row.kind}=${row.event_id}`);
    expect(rows).toEqual(model.contents());
    expect(model.seen).toEqual(new Set(["applied", "duplicate", "conflict", "condition"]));
  });
});

describe("text that a literal could be broken with", () => {
  const TEXTS = [
    `"`,
    "\\",
    `\\"`,
    "{",
    "}",
    ",",
    "NULL",
    "null",
    "'",
    "''",
    "$apply$",
    " ",
    "\n",
    "\t",
    "%",
    "_",
    "~",
    "é\u0301",
    "\u{1f600}",
    "\u0001",
    "\uffff",
  ];

  test("is stored and found as it is", async () => {
    const { driver } = await openFresh();
    for (const text of TEXTS) {
      const slot = { tenant: `t${text}`, user: text, session: text, run: text, kind: text };
      const saved = save({ ...slot, eventId: text, bytes: Buffer.from(text) }, null);
      expect(await apply(driver, [saved])).toEqual([APPLIED_NEW]);
      expect(await driver.read([slot])).toMatchObject([{ ...slot, eventId: text, bytes: Buffer.from(text) }]);
      expect(await driver.readByEventId(slot, text)).toMatchObject(slot);
      const { tenant, user, session, run } = slot;
      const listed = await driver.scan({
        tenant,
        identity: { tenant, user, session, run },
        prefix: text,
        limit: 9,
        maxBytes: 99,
        reverse: false,
      });
      expect(listed.records).toMatchObject([slot]);
      expect(await apply(driver, [check(slot, text), remove(slot, text)])).toEqual([
        APPLIED_OVER,
        APPLIED_OVER,
      ]);
    }
  });

  test("every byte and every length of payload, also an empty one", async () => {
    const { driver } = await openFresh();
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const payloads = [
      Buffer.alloc(0),
      all,
      Buffer.alloc(1),
      Buffer.alloc(8192, 1),
      Buffer.alloc(3_000_000, 255),
      all,
    ];
    const commits = payloads.map((bytes, n) => save({ kind: `${n}`, bytes }));
    await apply(driver, commits);
    const found = await driver.read(payloads.map((_, n) => ({ ...SLOT, kind: `${n}` })));
    for (const [n, bytes] of payloads.entries()) expect(bytes.equals(found[n]?.bytes as Buffer)).toBe(true);
  });
});

describe("two pools, as two processes would", () => {
  test("one new event id in two sessions at once: one is written, the other is a conflict", async () => {
    const url = await migratedDatabase();
    const drivers = [await open({ url }), await open({ url })] as const;
    const stores = drivers.map((driver) => createStore(driver, { layers: driver.layers ?? [] }));
    for (let n = 0; n < 100; n++) {
      const ids = { eventId: `raced-${n}`, kind: "k", bytes: Buffer.from("x") };
      const outcomes = await Promise.allSettled(
        stores.map((store, who) =>
          store.save({ ...ids, identity: { tenant: "acme", user: "ann", session: `s${who}` } }),
        ),
      );
      const states = outcomes.map((outcome) =>
        outcome.status === "fulfilled" ? "saved" : outcome.reason.code,
      );
      expect(states.toSorted()).toEqual(["IDEMPOTENCY_CONFLICT", "saved"]);
    }
    // The same write from both: one of them is a duplicate.
    for (let n = 0; n < 50; n++) {
      const same = save({ eventId: `same-${n}` });
      const outcomes = await Promise.all(drivers.map((driver) => retryWhileBusy(driver, [same])));
      expect(outcomes.map(([outcome]) => outcome?.is).toSorted()).toEqual(["applied", "duplicate"]);
    }
  });

  test("without the retrying layer the race is UNAVAILABLE, and nothing of the batch was written", async () => {
    const url = await migratedDatabase();
    const drivers = [await open({ url }), await open({ url })] as const;
    let raced = 0;
    let n = 0;
    for (; n < 60 || raced === 0; n++) {
      const outcomes = await Promise.allSettled(
        drivers.map((driver, who) =>
          apply(driver, [save({ eventId: `r${n}`, session: `s${who}`, kind: `k${n}` })]),
        ),
      );
      for (const outcome of outcomes) {
        if (outcome.status === "fulfilled") continue;
        raced++;
        expect(outcome.reason).toMatchObject({ code: "UNAVAILABLE", details: { reason: "busy" } });
      }
    }
    expect(await stored(plainClient(url))).toHaveLength(n);
  });

  test("overlapping batches in opposite order neither deadlock nor fail", async () => {
    const url = await migratedDatabase();
    const drivers = [await open({ url }), await open({ url })];
    const sessions = Array.from({ length: 20 }, (_, n) => `s${n}`);
    const batches = drivers.map(async (driver, who) => {
      const order = who === 0 ? sessions : sessions.toReversed();
      for (let n = 0; n < 40; n++) {
        const outcomes = await apply(
          driver,
          order.map((session) => save({ session })),
        );
        expect(outcomes.every(({ is }) => is === "applied")).toBe(true);
      }
    });
    await Promise.all(batches);
    const [{ deadlocks }] = (await plainClient(url)`
      SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`) as unknown as [
      { deadlocks: string },
    ];
    expect(deadlocks).toBe("0");
  });

  test("the locks are what orders them: without, increments get lost", async () => {
    const increments = async (unlocked: boolean) => {
      const { url, sql, driver } = await openFresh();
      if (unlocked) await withoutLocks(sql);
      const drivers = [driver, await open({ url })];
      let applied = 0;
      await Promise.all(
        drivers.map(async (each) => {
          for (let n = 0; n < 80; n++) {
            const [current] = await each.read([SLOT]);
            const version = (current?.version ?? 0) + 1;
            const [outcome] = await retryWhileBusy(each, [save({ version }, current?.eventId ?? null)]);
            if (outcome?.is === "applied") applied++;
          }
        }),
      );
      const [last] = await driver.read([SLOT]);
      return { applied, counted: last?.version };
    };
    const { applied, counted } = await increments(false);
    expect(counted).toBe(applied);
    const control = await increments(true);
    expect(control.counted).toBeLessThan(control.applied);
  });
});

test("an event without a time counts as seen, and does not fail the rest of its batch", async () => {
  const { driver, sql } = await openFresh();
  await apply(driver, [save({ eventId: "old" }), save({ eventId: "new" })]);
  await sql`ALTER TABLE groundstate.event ALTER saved_at DROP NOT NULL`;
  await sql`UPDATE groundstate.event SET saved_at = NULL`;
  const beside = (kind: string) => save({ eventId: kind, kind });
  expect(await apply(driver, [save({ eventId: "old" }), beside("a")])).toEqual([DUPLICATE, APPLIED_NEW]);
  const two = commit(...beside("b").writes, ...beside("c").writes);
  const both = { is: "applied", existed: [false, false] };
  expect(await apply(driver, [save({ eventId: "old" }), two])).toEqual([DUPLICATE, both]);
});

test("a batch with more sessions than there are locks is split, and succeeds", async () => {
  const server = await startServer({ settings: { max_locks_per_transaction: 10, max_connections: 10 } });
  onTestFinished(server.stop);
  const driver = await open({ url: server.url, poolSize: 2 });
  const commits = Array.from({ length: 4000 }, (_, n) => save({ session: `s${n}`, kind: SECRETS.key }));
  const error = await failure(apply(driver, commits));
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "refused" } });

  const sizes: number[] = [];
  // As if the queue's batches were large enough.
  const split = async (batch: readonly Commit[]): Promise<readonly Outcome[]> => {
    try {
      const outcomes = await apply(driver, batch);
      sizes.push(batch.length);
      return outcomes;
    } catch (cause) {
      if (!isStateError(cause, "UNAVAILABLE") || cause.details.reason !== "refused") throw cause;
      const middle = batch.length >> 1;
      return [...(await split(batch.slice(0, middle))), ...(await split(batch.slice(middle)))];
    }
  };
  expect(await split(commits)).toEqual(commits.map(() => APPLIED_NEW));
  expect(sizes.length).toBeGreaterThan(1);
  expect(await stored(plainClient(server.url))).toHaveLength(4000);
});

describe("the memory of event ids", () => {
  test("is counted by the server's clock, and an id past it is unseen before it is removed", async () => {
    const { driver, sql } = await openFresh();
    await apply(driver, [save({ eventId: "old", kind: "a" }), save({ eventId: "stays", kind: "b" })]);
    await apply(driver, [save({ eventId: "new", kind: "a" })]);
    // The store's clock says otherwise, and is not asked.
    const skewed = { now: Date.now() + 10 * DAY, window: DAY };
    expect(await driver.apply([save({ eventId: "old", kind: "a" })], skewed)).toEqual([DUPLICATE]);

    await age(sql, DAY + 1000);
    expect(await apply(driver, [check({ kind: "b" }, "stays")])).toEqual([APPLIED_OVER]);
    expect(await rememberedIds(sql)).toEqual(["new", "old", "stays"]);
    // Current, and so seen for ever; the other one is a new write.
    expect(await apply(driver, [save({ eventId: "stays", kind: "b", version: 9 })])).toEqual([
      { is: "conflict", write: 0 },
    ]);
    expect(await apply(driver, [save({ eventId: "old", kind: "c" })])).toEqual([APPLIED_NEW]);
    expect(await apply(driver, [save({ eventId: "old", kind: "c" })])).toEqual([DUPLICATE]);
  });

  test("after an erase only the event id is left", async () => {
    const { driver, sql } = await openFresh();
    await apply(driver, [save({ eventId: "1", kind: "a" }), save({ eventId: "2", kind: "b", run: "r" })]);
    await apply(driver, [save({ eventId: "3", session: "other" })]);
    expect(await erased(driver, "acme", "ann", "s1")).toBe(2);
    expect(await erased(driver, "acme", "ann", "s1")).toBe(0);
    const left = await sql.unsafe(
      `SELECT ${eventIdOf("event_key")} AS event_id, fingerprint IS NULL AS empty FROM groundstate.event ORDER BY 1`,
    );
    expect([...left]).toEqual([
      { event_id: "1", empty: true },
      { event_id: "2", empty: true },
      { event_id: "3", empty: false },
    ]);
    expect(await apply(driver, [save({ eventId: "1", kind: "else", version: 5 })])).toEqual([DUPLICATE]);
    expect(await apply(driver, [save({ kind: "a" }, null)])).toEqual([APPLIED_NEW]);
  });

  test("forgets at most twice as many as a batch wrote, oldest first, and passes those that are current", async () => {
    const { driver, sql } = await openFresh();
    const events = Array.from({ length: 30 }, (_, n) => String(n).padStart(2, "0"));
    // Each event in a slot of its own that is then overwritten, but for every third.
    for (const eventId of events) await apply(driver, [save({ eventId, kind: eventId })]);
    await apply(
      driver,
      events.filter((_, n) => n % 3 !== 0).map((kind) => save({ kind, eventId: `over-${kind}` })),
    );
    await sql.unsafe(`UPDATE groundstate.event SET saved_at = saved_at - ${2 * DAY},
      lined_up_at = lined_up_at - ${2 * DAY} WHERE ${eventIdOf("event_key")} NOT LIKE 'over%'`);

    const gone = async () => {
      const kept = new Set(await rememberedIds(sql));
      return events.filter((eventId) => !kept.has(eventId));
    };
    await apply(driver, [save({ kind: "x" }), save({ kind: "y" })]);
    expect(await gone()).toEqual(["01", "02"]);
    await apply(driver, [
      remove({ kind: "x" }),
      check({ kind: "x" }, null),
      save({ eventId: "00", kind: "00" }),
    ]);
    expect(await gone()).toEqual(["01", "02"]);
    await apply(driver, [save({ kind: "x" })]);
    expect(await gone()).toEqual(["01", "02", "04", "05"]);
    for (let n = 0; n < 12; n++) await apply(driver, [save({ kind: "x" })]);
    expect(await gone()).toEqual(events.filter((_, n) => n % 3 !== 0));
    // What is current went to the end of the line and is still seen.
    expect(await apply(driver, [save({ eventId: "03", kind: "03" })])).toEqual([DUPLICATE]);
  });
});

/** What `decide` says, over plain Maps; no id is ever forgotten. */
class Model {
  readonly seen = new Set<string>();
  readonly #slots = new Map<string, string>();
  readonly #names = new Map<string, string>();
  readonly #events = new Map<string, { fingerprint: string; savedAt: number; current: boolean }>();

  apply(each: Commit): Outcome {
    const decision = decide(each, {
      now: 0,
      window: DAY,
      current: (slot) => this.#slots.get(slotKey(slot)),
      event: (_, eventId) => this.#events.get(eventId),
    });
    this.seen.add(decision.is);
    if (decision.is !== "applied") return decision;
    for (const write of each.writes) {
      const slot = slotOf(write);
      this.#names.set(slotKey(slot), `${slot.session}/${slot.kind}`);
      if (write.op === "delete") this.#slots.delete(slotKey(slot));
      if (write.op !== "save") continue;
      this.#slots.set(slotKey(slot), write.record.eventId);
      const { fingerprint } = write.record;
      this.#events.set(write.record.eventId, { fingerprint, savedAt: 0, current: false });
    }
    return decision;
  }

  contents(): string[] {
    return [...this.#slots].map(([key, eventId]) => `${this.#names.get(key)}=${eventId}`).sort();
  }
}

/** A commit over few slots and few event ids, so that they meet. */
function anyCommit(random: Random): Commit {
  const slots = new Set<string>();
  const ids = new Set<string>();
  const writes = Array.from({ length: 1 + random(3) }, () => {
    const slot = { session: `s${random(3)}`, kind: `k${random(3)}` };
    const eventId = `e${random(40)}`;
    if (slots.has(JSON.stringify(slot)) || ids.has(eventId)) return [];
    slots.add(JSON.stringify(slot));
    ids.add(eventId);
    const expect = [undefined, undefined, null, `e${random(40)}`][random(4)];
    const condition = expect === undefined ? {} : { expect };
    const whole = { ...SLOT, ...slot };
    // Content follows from the id and the slot, so a retry of an id in its slot is a duplicate.
    if (random(5) > 1) return [{ op: "save", record: record({ ...slot, eventId }), ...condition } as const];
    if (random(2) === 0) return [{ op: "delete", slot: whole, ...condition } as const];
    return [{ op: "check", slot: whole, expect: expect ?? null } as const];
  });
  return commit(...writes.flat());
}

/** As the retrying layer does for what passes by itself. */
async function retryWhileBusy(driver: Driver, commits: readonly Commit[]): Promise<readonly Outcome[]> {
  for (;;) {
    try {
      return await apply(driver, commits);
    } catch (error) {
      if (!isStateError(error, "UNAVAILABLE") || error.details.reason !== "busy") throw error;
    }
  }
}

/** The function for a lone save without its lock, and with some time between looking and writing. */
async function withoutLocks(sql: Sql): Promise<void> {
  const [{ text }] =
    (await sql`SELECT pg_get_functiondef('groundstate.apply_one_2'::regproc) AS text`) as unknown as [
      { text: string },
    ];
  const broken = text
    .replace("IF NOT pg_try_advisory_xact_lock(", "IF hashint8(")
    .replace(" THEN RETURN; END IF;", " IS NULL THEN RETURN; END IF;")
    .replace("v_record_id := coalesce(", "PERFORM pg_sleep(0.002); v_record_id := coalesce(");
  expect(broken).toMatch(/hashint8\([\s\S]* IS NULL THEN RETURN; END IF;[\s\S]*pg_sleep/);
  await sql.unsafe(broken);
}

async function age(sql: postgres.Sql, ms: number): Promise<void> {
  await sql`UPDATE groundstate.event SET saved_at = saved_at - ${ms}, lined_up_at = lined_up_at - ${ms}`;
}
