import { expect, test } from "vitest";
import { createStore, type StateStore } from "../../src/index.js";
import { startProxy } from "./postgres-proxy.js";
import {
  apply,
  commit,
  connectWith,
  failure,
  freshDatabase,
  open,
  plain,
  refuseStrayErrors,
  remove,
  type Sent,
  save as saveOf,
  through,
} from "./postgres-rig.js";

refuseStrayErrors();

const encode = (text: string) => new TextEncoder().encode(text);
const locked = { tenant: "acme", user: "ann", session: "locked" };
const free = { tenant: "globex", user: "bob", session: "free" };
const LOCK =
  "SELECT pg_advisory_lock(hashtextextended('acme' || chr(1) || 'ann' || chr(1) || 'locked', 20261120))";
const save = (identity: typeof free, kind: string) => ({
  record: { eventId: `${identity.session}-${kind}`, identity, kind, bytes: encode(kind) },
});

test("a session whose lock somebody holds does not fail the others of its batch", async () => {
  const url = await freshDatabase();
  // Without the retrying layer, which would only wait longer.
  const store = createStore(await open({ url, timeoutMs: 1500 }));
  const other = plain(url);
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
  const url = await freshDatabase();
  const proxy = await startProxy(url);
  const driver = await open({ url: through(url, proxy.port), timeoutMs: 1500, poolSize: 1 });
  const store = createStore(driver, { layers: driver.layers ?? [] });
  const other = plain(url);
  proxy.onRequest = (data) => (data.includes("locked-a") ? "cut the answer" : "pass");
  proxy.onAnswer = (_, request) => {
    if (!request.includes("locked-a")) return;
    proxy.onRequest = () => "pass";
    // No other try comes through before the lock is held.
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

test("bytes come back as they are where the database writes them otherwise", async () => {
  const url = await freshDatabase();
  const admin = plain(url);
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

test("commits of one session wait for its lock together: none is written before the others", async () => {
  const url = await freshDatabase();
  let statements = 0;
  const connect = connectWith(url, (sent, run) => {
    if (isApply(sent)) statements++;
    return run();
  });
  const driver = await open({ connect, timeoutMs: 500 });
  await plain(url).unsafe(LOCK);
  const commits = [saveOf({ session: "locked" }), remove({ session: "locked" })];
  expect(await failure(apply(driver, commits))).toMatchObject({ details: { reason: "busy" } });
  expect(statements).toBe(1);
});

test("one commit of several sessions is not sent twice when it meets a lock, and is left to the layer that retries", async () => {
  const url = await freshDatabase();
  let statements = 0;
  const connect = connectWith(url, (sent, run) => {
    if (isApply(sent)) statements++;
    return run();
  });
  const driver = await open({ connect, timeoutMs: 500 });
  await plain(url).unsafe(LOCK);
  const both = commit(
    ...saveOf({ session: "locked" }).writes,
    ...saveOf({ session: "free", eventId: "2" }).writes,
  );
  expect(await failure(apply(driver, [both]))).toMatchObject({
    code: "UNAVAILABLE",
    details: { reason: "busy" },
  });
  expect(statements).toBe(1);
});

test("what follows a lost commit in its session does not take effect before it is asked again", async () => {
  const url = await freshDatabase();
  const other = plain(url);
  let applies = 0;
  const connect = connectWith(url, async (sent, run) => {
    if (!isApply(sent)) return run();
    applies++;
    // The batch met the lock; now the first commit is on its way by itself, and is lost.
    if (applies !== 2) return run();
    await other.unsafe("SELECT pg_advisory_unlock_all()");
    throw Object.assign(new Error("lost"), { code: "CONNECTION_CLOSED" });
  });
  const store = createStore(await open({ connect, timeoutMs: 500 }));
  await other.unsafe(LOCK);
  const [first, second, third] = await Promise.allSettled([
    store.save(save(locked, "a").record),
    store.delete(locked, "a"),
    store.save(save(free, "b").record),
  ]);
  expect(first).toMatchObject({ value: { duplicate: false } });
  expect(second).toMatchObject({ reason: { code: "UNAVAILABLE", details: { reason: "busy" } } });
  expect(third).toMatchObject({ value: { duplicate: false } });
  expect(await store.find(locked, "a")).toBeDefined();
});

test("many locked sessions do not make a batch wait for each of them", async () => {
  const url = await freshDatabase();
  const timeoutMs = 200;
  const driver = await open({ url, timeoutMs });
  const other = plain(url);
  await other.unsafe("BEGIN");
  await other.unsafe("LOCK TABLE groundstate.record");
  const commits = Array.from({ length: 40 }, (_, n) => saveOf({ session: `s${n}` }));
  const start = performance.now();
  const outcomes = await apply(driver, commits);
  // One by one they would take 24 times the deadline.
  expect(performance.now() - start).toBeLessThan(12 * timeoutMs);
  for (const outcome of outcomes) expect(outcome).toMatchObject({ error: { details: { reason: "busy" } } });
  await other.unsafe("ROLLBACK");
  expect(await apply(driver, commits)).toEqual(commits.map(() => ({ is: "applied", existed: [false] })));
});

/** A line that keeps a write to itself, until long after its caller has given up. */
async function slowLine() {
  const url = await freshDatabase();
  const held: Sent[] = [];
  let keeps = "nothing";
  const connect = connectWith(url, (sent, run) => {
    if (!sent.text.includes(keeps)) return run();
    held.push(sent);
    keeps = "nothing";
    return new Promise(() => {});
  });
  const store = createStore(await open({ connect, timeoutMs: 300 }));
  const keep = (what: string) => {
    keeps = what;
  };
  const arrive = () => plain(url).unsafe(held[0]?.text ?? "", held[0]?.parameters as never);
  return { store, keep, arrive };
}

test.each([
  ["a delete", "apply", (store: StateStore) => store.delete(locked, "a")],
  ["an erase", "erase", (store: StateStore) => store.erase(locked)],
])(
  "%s that arrives when nobody waits for it any more does not undo what was saved since",
  async (_, statement, ask) => {
    const { store, keep, arrive } = await slowLine();
    await store.save(save(locked, "a").record);
    keep(statement);
    expect(await failure(ask(store))).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    const record = { ...save(locked, "a").record, eventId: "later" };
    expect(await store.save(record)).toMatchObject({ duplicate: false });
    await expect(arrive()).rejects.toMatchObject({ code: "57014" });
    expect((await store.load(locked, "a")).eventId).toBe("later");
  },
);
