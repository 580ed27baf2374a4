import { describe, expect, test } from "vitest";
import { namesOf } from "../../drivers/postgres/names.js";
import { sessionKey } from "../../drivers/postgres/session-locks.js";
import { createStore, type StateStore } from "../../src/index.js";
import { startProxy } from "./postgres-proxy.js";
import { failure, freshDatabase, open, plain, refuseStrayErrors, through } from "./postgres-rig.js";

refuseStrayErrors();

const timeoutMs = 2000;
/** What the process itself may take beyond it, on a busy machine. */
const MARGIN_MS = 1000;

const locked = { tenant: "acme", user: "ann", session: "locked" };
const free = { tenant: "globex", user: "bob", session: "free" };
const LOCK = `SELECT pg_advisory_lock(${sessionKey(namesOf("groundstate", ""), "'acme'", "'ann'", "'locked'")})`;

const save = (store: StateStore, identity: typeof free) =>
  store.save({ eventId: `${identity.session}-a`, identity, kind: "a", bytes: new Uint8Array(1) });

describe("no call takes longer than timeoutMs", () => {
  test.each<[string, (store: StateStore) => Promise<unknown>]>([
    ["a save", (store) => save(store, locked)],
    ["a delete", (store) => store.delete(locked, "a")],
    ["a batch", (store) => Promise.all([save(store, locked), save(store, free)])],
  ])("%s of a session that somebody holds", async (_, ask) => {
    const url = await freshDatabase();
    const store = await storeOf(url);
    await plain(url).unsafe(LOCK);
    const { error, tookMs } = await failed(ask(store));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "busy" } });
    expect(tookMs).toBeLessThan(timeoutMs + MARGIN_MS);
  });

  test.each<[string, string, (store: StateStore) => Promise<unknown>]>([
    ["a save", "apply_", (store) => save(store, free)],
    ["a delete", "apply_", (store) => store.delete(free, "a")],
    ["a read", "FROM", (store) => store.find(free, "a")],
    ["a list", "scan_", (store) => store.list(free, "")],
  ])("%s that the line swallows each time", async (_, what, ask) => {
    const url = await freshDatabase();
    const proxy = await startProxy(url);
    const store = await storeOf(through(url, proxy.port));
    proxy.onRequest = (data) => (data.includes(what) ? "hang" : "pass");
    const { tookMs } = await failed(ask(store));
    expect(tookMs).toBeLessThan(timeoutMs + MARGIN_MS);
  });
});

test("a read that the line swallows once is asked once more, within the time of the call", async () => {
  const url = await freshDatabase();
  const proxy = await startProxy(url);
  const store = await storeOf(through(url, proxy.port));
  await save(store, free);
  let swallowed = 0;
  proxy.onRequest = (data) => (data.includes("FROM") && swallowed++ === 0 ? "hang" : "pass");
  expect(await store.find(free, "a")).toMatchObject({ eventId: "free-a" });
  expect(swallowed).toBeGreaterThan(1);
});

async function storeOf(url: string): Promise<StateStore> {
  const driver = await open({ url, timeoutMs });
  return createStore(driver, { layers: driver.layers ?? [] });
}

async function failed(call: Promise<unknown>) {
  const started = performance.now();
  const error = await failure(call);
  return { error, tookMs: performance.now() - started };
}
