import { expect, test } from "vitest";
import { createStore } from "../../src/index.js";
import { startProxy } from "./postgres-proxy.js";
import { freshDatabase, open, plain, refuseStrayErrors, through } from "./postgres-rig.js";

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
  const driver = await open({ url: through(url, proxy.port), timeoutMs: 200, poolSize: 1 });
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
