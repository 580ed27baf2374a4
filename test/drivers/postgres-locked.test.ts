import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { namesOf } from "../../drivers/postgres/names.js";
import { sessionKey } from "../../drivers/postgres/session-locks.js";
import type { Commit, Outcome, Slot } from "../../src/contract/driver.js";
import { createStore, type StateStore } from "../../src/index.js";
import { ownTime } from "../own-time.js";
import { startProxy } from "./postgres-proxy.js";
import {
  apply,
  commit,
  connectWith,
  DAY,
  failOnUncaughtErrors,
  failure,
  migratedDatabase,
  open,
  plainClient,
  remove,
  type Sent,
  save as saveOf,
  withPort,
} from "./postgres-rig.js";

failOnUncaughtErrors();

const encode = (text: string) => new TextEncoder().encode(text);
const locked = { tenant: "acme", user: "ann", session: "locked" };
const free = { tenant: "globex", user: "bob", session: "free" };
const LOCK = `SELECT pg_advisory_lock(${sessionKey(namesOf("groundstate", ""), "'acme'", "'ann'", "'locked'")})`;
const save = (identity: typeof free, kind: string) => ({
  record: { eventId: `${identity.session}-${kind}`, identity, kind, bytes: encode(kind) },
});

test("a locked session does not fail the other commits of its batch", async () => {
  const url = await migratedDatabase();
  // Without the retrying layer, which would only wait longer.
  const store = createStore(await open({ url, timeoutMs: 1500 }));
  const other = plainClient(url);
  await other.unsafe(LOCK);
  const [first, second, third, fourth] = await Promise.allSettled([
    store.save(save(locked, "a").record),
    store.save(save(free, "b").record),
    store.save(save(locked, "c").record),
    store.save(save(free, "d").record),
  ]);
  expect(first).toMatchObject({ reason: { code: "UNAVAILABLE", details: { reason: "busy" } } });
  expect(third).toMatchObject({ reason: { code: "UNAVAILABLE", details: { reason: "busy" } } });
  expect(second).toMatchObject({ value: { duplicate: false } });
  expect(fourth).toMatchObject({ value: { duplicate: false } });
  await other.unsafe("SELECT pg_advisory_unlock_all()");
  expect(await store.save(save(locked, "a").record)).toMatchObject({ duplicate: false });
  expect(await store.save(save(free, "b").record)).toMatchObject({ duplicate: true });
});

test("a save whose answer was lost is not said to be unwritten when its session is locked at the next try", async () => {
  const url = await migratedDatabase();
  const proxy = await startProxy(url);
  const driver = await open({ url: withPort(url, proxy.port), timeoutMs: 1500, poolSize: 1 });
  const store = createStore(driver, { layers: driver.layers ?? [] });
  const other = plainClient(url);
  proxy.onRequest = (data) => (data.includes("locked-a") ? "cut the answer" : "pass");
  proxy.onAnswer = (_, request) => {
    if (!request.includes("locked-a")) return;
    proxy.onRequest = () => "pass";
    // No other try succeeds before the lock is held.
    proxy.onConnect = () => "close";
    const serve = () => {
      proxy.onConnect = () => "serve";
    };
    other.unsafe(LOCK).then(serve, serve);
  };
  const [first, second] = await Promise.allSettled([
    store.save(save(locked, "a").record),
    store.save(save(free, "b").record),
  ]);
  expect(first).toMatchObject({ reason: { code: "OUTCOME_UNKNOWN", retryable: true } });
  expect(second).toMatchObject({ value: { duplicate: true } });
  await other.unsafe("SELECT pg_advisory_unlock_all()");
  expect(await store.save(save(locked, "a").record)).toMatchObject({ duplicate: true });
});

test("bytes come back unchanged where the database has another bytea_output", async () => {
  const url = await migratedDatabase();
  const admin = plainClient(url);
  const database = new URL(url).pathname.slice(1);
  await admin.unsafe(`ALTER DATABASE ${database} SET bytea_output = 'escape'`);
  await admin.unsafe(`ALTER DATABASE ${database} SET array_nulls = 'off'`);
  const store = createStore(await open({ url }));
  const { record } = save(free, "a");
  await store.save({ ...record, bytes: new Uint8Array([0, 92, 255, 39]) });
  expect((await store.load(free, "a")).bytes).toEqual(new Uint8Array([0, 92, 255, 39]));
  expect(await store.delete(free, "a")).toBe(true);
  // Without settings of its own, a driver can only say so.
  await expect(open({ url, prepare: false })).rejects.toMatchObject({
    code: "UNAVAILABLE",
    details: { reason: "setup" },
    message: expect.stringContaining("bytea_output"),
  });
});

/** Not the migration, which makes functions of such names. */
const isApply = ({ text }: Sent) => /^SELECT .*apply/.test(text);

/** A driver with a batch under way, and the outcomes of the commits that were set aside. */
async function applying(url: string, commits: readonly Commit[]) {
  const driver = await open({ url });
  const aside = new Map<number, Promise<Outcome>>();
  const setAside = (index: number, outcome: Promise<Outcome>) => aside.set(index, outcome);
  return { driver, aside, outcomes: await driver.apply(commits, { now: 0, window: DAY, setAside }) };
}

const APPLIED = { is: "applied", existed: [false] };

/** Made once: the tables must exist before another client locks rows in them. */
async function prepared() {
  const url = await migratedDatabase();
  const driver = await open({ url });
  await apply(driver, [saveOf({ session: "locked", kind: "there", eventId: "there" })]);
  return { url, other: plainClient(url) };
}

test.each([
  ["its lock", LOCK, "SELECT pg_advisory_unlock_all()"],
  ["a row of it", "BEGIN; SELECT FROM groundstate.record WHERE session = 'locked' FOR UPDATE", "COMMIT"],
])("a batch does not wait for a session of which somebody holds %s", async (_, lock, unlock) => {
  const { url, other } = await prepared();
  await other.unsafe(lock);
  const commits = [
    saveOf({ session: "locked", kind: "there" }),
    saveOf({ session: "free", kind: "a" }),
    saveOf({ session: "free", kind: "b" }),
    saveOf({ session: "free", kind: "c" }),
    saveOf({ session: "other", kind: "d" }),
  ];
  // Answered while the lock is held.
  const { driver, aside, outcomes } = await applying(url, commits);
  expect(outcomes.slice(1)).toEqual(Array(4).fill(APPLIED));
  expect([...aside.keys()]).toEqual([0]);
  // A later commit of that session waits behind the first, and no other commit waits for it.
  const second = new Map<number, Promise<Outcome>>();
  const later = await driver.apply(
    [saveOf({ session: "locked", kind: "there" }), saveOf({ session: "free", kind: "e" })],
    {
      now: 0,
      window: DAY,
      setAside: (index, outcome) => second.set(index, outcome),
    },
  );
  expect(later[1]).toEqual(APPLIED);
  await other.unsafe(unlock);
  expect(await aside.get(0)).toEqual({ is: "applied", existed: [true] });
  expect(await second.get(0)).toEqual({ is: "applied", existed: [true] });
});

test("a commit that shares a session or event id with a waiting one stays behind it", async () => {
  const { url, other } = await prepared();
  await other.unsafe(LOCK);
  const commits = [
    commit(
      ...saveOf({ session: "locked", kind: "a" }).writes,
      ...saveOf({ session: "both", kind: "a", eventId: "first" }).writes,
    ),
    // By its session.
    saveOf({ session: "both", kind: "a", eventId: "second" }, "first"),
    // By the id of the one that waits, and by its session.
    saveOf({ session: "elsewhere", kind: "a", eventId: "first" }),
    remove({ session: "elsewhere", kind: "a" }, null),
    saveOf({ session: "free", kind: "a" }),
  ];
  const { aside, outcomes } = await applying(url, commits);
  expect(outcomes[4]).toEqual(APPLIED);
  expect([...aside.keys()].toSorted()).toEqual([0, 1, 2, 3]);
  await other.unsafe("SELECT pg_advisory_unlock_all()");
  expect(await Promise.all([0, 1, 2, 3].map((index) => aside.get(index)))).toEqual([
    { is: "applied", existed: [false, false] },
    { is: "applied", existed: [true] },
    { is: "conflict", write: 0 },
    APPLIED,
  ]);
});

test("without setAside the outcome is waited for, and is a failure when the time is up", async () => {
  const { url, other } = await prepared();
  await other.unsafe(LOCK);
  const driver = await open({ url, timeoutMs: 1500 });
  const commits = [saveOf({ session: "locked" }), saveOf({ session: "free" })];
  expect(await apply(driver, commits)).toMatchObject([
    { is: "failed", error: { code: "UNAVAILABLE", details: { reason: "busy" } } },
    APPLIED,
  ]);
  await other.unsafe("SELECT pg_advisory_unlock_all()");
  expect(await apply(driver, commits)).toMatchObject([APPLIED, { is: "duplicate" }]);
});

test("a commit that waits behind one with an unknown outcome fails, so that a retry cannot reorder them", async () => {
  const { url, other } = await prepared();
  let applies = 0;
  const connect = connectWith(url, async (sent, run) => {
    if (!isApply(sent)) return run();
    applies++;
    // The batch met the lock; now the first commit, which fills a statement, is on its way by itself, and is lost.
    if (applies !== 2) return run();
    await other.unsafe("SELECT pg_advisory_unlock_all()");
    throw Object.assign(new Error("lost"), { code: "CONNECTION_CLOSED" });
  });
  const driver = await open({ connect });
  await other.unsafe(LOCK);
  const large = saveOf({ session: "locked", bytes: Buffer.alloc(5_000_000) });
  const outcomes = await apply(driver, [large, remove({ session: "locked" }), saveOf({ session: "free" })]);
  expect(outcomes).toMatchObject([
    { is: "failed", error: { code: "OUTCOME_UNKNOWN" } },
    { is: "failed", error: { code: "UNAVAILABLE", details: { reason: "busy" } } },
    APPLIED,
  ]);
  expect(await apply(driver, [large])).toEqual([APPLIED]);
});

describe("a session's lock is its own", () => {
  const keyOf = (schema: string, prefix: string, names: readonly string[]) =>
    sessionKey(namesOf(schema, prefix), ...(names.map((name) => `'${name}'`) as [string, string, string]));

  test.each([
    ["whatever its names are made of", "groundstate", "", ["a\u0001b", "c", "d"], ["a", "b\u0001c", "d"]],
    ["whatever its names are made of: digits", "groundstate", "", ["1", "1:1", "1"], ["1:1", "1", "1"]],
    ["in its schema", "another", "", ["a", "b", "c"], ["a", "b", "c"]],
    ["under its prefix", "groundstate", "other_", ["a", "b", "c"], ["a", "b", "c"]],
  ])("%s", async (_, schema, prefix, held, [tenant, user, session]) => {
    const { url, other } = await prepared();
    await other.unsafe(`SELECT pg_advisory_lock(${keyOf(schema, prefix, held)})`);
    const { aside, outcomes } = await applying(url, [saveOf({ tenant, user, session } as Partial<Slot>)]);
    expect(outcomes).toEqual([APPLIED]);
    expect(aside.size).toBe(0);
    // The lock's key is the one that the driver uses.
    await other.unsafe(
      `SELECT pg_advisory_lock(${keyOf("groundstate", "", [tenant, user, session] as string[])})`,
    );
    expect((await applying(url, [saveOf({ tenant, user, session } as Partial<Slot>)])).aside.size).toBe(1);
    await other.unsafe("SELECT pg_advisory_unlock_all()");
  });
});

test("many locked sessions do not make a batch wait for each of them", async () => {
  const url = await migratedDatabase();
  const timeoutMs = 1000;
  const driver = await open({ url, timeoutMs });
  const other = plainClient(url);
  await other.unsafe("BEGIN");
  await other.unsafe("LOCK TABLE groundstate.record");
  const commits = Array.from({ length: 40 }, (_, n) => saveOf({ session: `s${n}` }));
  const start = ownTime();
  const outcomes = await apply(driver, commits);
  // One by one they would take 24 times the deadline.
  expect(ownTime() - start).toBeLessThan(12 * timeoutMs);
  for (const outcome of outcomes) expect(outcome).toMatchObject({ error: { details: { reason: "busy" } } });
  await other.unsafe("ROLLBACK");
  expect(await apply(driver, commits)).toEqual(commits.map(() => ({ is: "applied", existed: [false] })));
});

/** Clients that hold back a write until long after its caller has given up. */
async function delayingClients() {
  const url = await migratedDatabase();
  const held: Sent[] = [];
  let keeps: string | undefined;
  const connect = connectWith(url, (sent, run) => {
    if (keeps === undefined || !sent.text.includes(keeps)) return run();
    held.push(sent);
    keeps = undefined;
    return new Promise(() => {});
  });
  const store = createStore(await open({ connect, timeoutMs: 1_500 }));
  const hold = (what: string) => {
    keeps = what;
  };
  const arrive = () => plainClient(url).unsafe(held[0]?.text ?? "", held[0]?.parameters as never);
  return { store, hold: hold, arrive };
}

test.each([
  ["a delete", "apply", (store: StateStore) => store.delete(locked, "a")],
  ["an erase", "apply", (store: StateStore) => store.erase(locked)],
])(
  "%s that arrives when nobody waits for it any more does not undo what was saved since",
  async (_, statement, ask) => {
    const { store, hold, arrive } = await delayingClients();
    await store.save(save(locked, "a").record);
    hold(statement);
    expect(await failure(ask(store))).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    const record = { ...save(locked, "a").record, eventId: "later" };
    expect(await store.save(record)).toMatchObject({ duplicate: false });
    await expect(arrive()).rejects.toMatchObject({ code: "57014" });
    expect((await store.load(locked, "a")).eventId).toBe("later");
  },
);

describe("commits of one driver", () => {
  test("wait for its own statement that holds their session, and are not set aside", async () => {
    const { url, other } = await prepared();
    await other.unsafe(`
      CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END';
      CREATE TRIGGER slow BEFORE INSERT ON groundstate.record
        FOR EACH ROW WHEN (NEW.kind = 'slow') EXECUTE FUNCTION slow()`);
    const driver = await open({ url });
    const aside: number[] = [];
    const apply = (...commits: Commit[]) =>
      driver.apply(commits, { now: 0, window: DAY, setAside: (index) => aside.push(index) });
    // So that both have a connection.
    await Promise.all(["s1", "s2"].map((session) => apply(saveOf({ session }))));
    const first = apply(saveOf({ session: "locked", kind: "slow" }));
    const isHeld = "SELECT FROM pg_locks WHERE locktype = 'advisory'";
    while ((await other.unsafe(isHeld)).length === 0) await sleep(5);
    const second = await apply(...["a", "b", "c", "d"].map((kind) => saveOf({ session: "locked", kind })));
    expect(second).toEqual(Array(4).fill(APPLIED));
    expect(await first).toEqual([APPLIED]);
    expect(aside).toEqual([]);
  });

  test("that wait behind others are many in a statement once the lock is free, and say what they waited for", async () => {
    const { url, other } = await prepared();
    let statements = 0;
    const connect = connectWith(url, (sent, run) => {
      if (isApply(sent)) statements++;
      return run();
    });
    const driver = await open({ connect, timeoutMs: 3000 });
    await other.unsafe(LOCK);
    const commits = Array.from({ length: 600 }, (_, n) => saveOf({ session: "locked", kind: `k${n}` }));
    const aside: Promise<Outcome>[] = [];
    const setAside = (_: number, outcome: Promise<Outcome>) => void aside.push(outcome);
    const late = { now: 0, window: DAY, setAside, deadline: process.uptime() * 1000 + 300 };
    await driver.apply(commits.slice(0, 300), late);
    const failed = await Promise.all(aside.splice(0));
    const messages = failed.map((outcome) => (outcome.is === "failed" ? outcome.error.message : outcome.is));
    expect(messages[0]).toMatch(/^another writer holds the lock/);
    expect(messages[299]).toMatch(/waited behind others of this store/);
    await driver.apply(commits, { now: 0, window: DAY, setAside });
    statements = 0;
    await other.unsafe("SELECT pg_advisory_unlock_all()");
    expect(await Promise.all(aside)).toEqual(Array(600).fill(APPLIED));
    expect(statements).toBeLessThan(30);
  });
});
