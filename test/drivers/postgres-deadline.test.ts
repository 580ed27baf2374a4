import { describe, expect, test } from "vitest";
import { health, openPostgres } from "../../drivers/postgres/index.js";
import { namesOf } from "../../drivers/postgres/names.js";
import { sessionKey } from "../../drivers/postgres/session-locks.js";
import { createStore, type Driver, maintenanceScope, type StateStore } from "../../src/index.js";
import { ownTime } from "../own-time.js";
import { startProxy } from "./postgres-proxy.js";
import {
  failOnUncaughtErrors,
  failure,
  migratedDatabase,
  open,
  plainClient,
  withPort,
} from "./postgres-rig.js";

failOnUncaughtErrors();

const timeoutMs = 2000;
/** How much longer the process itself may take on a busy machine. */
const MARGIN_MS = 1000;
/** How long a call may exceed its limit by contract. */
const MAX_OVERRUN_MS = 1000;

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
    const url = await migratedDatabase();
    const store = await storeOf(url);
    await plainClient(url).unsafe(LOCK);
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
    const url = await migratedDatabase();
    const proxy = await startProxy(url);
    const store = await storeOf(withPort(url, proxy.port));
    proxy.onRequest = (data) => (data.includes(what) ? "hang" : "pass");
    const { tookMs } = await failed(ask(store));
    expect(tookMs).toBeLessThan(timeoutMs + MARGIN_MS);
  });
});

const scope = maintenanceScope({ reason: "a test", allTenants: true });

/** Every operation of a store and its driver. */
const CALLS: Readonly<Record<string, (store: StateStore, driver: Driver) => Promise<unknown>>> = {
  save: (store) => save(store, free),
  commit: (store) => store.commit([{ op: "delete", identity: free, kind: "a" }]),
  delete: (store) => store.delete(free, "a"),
  erase: (store) => store.erase({ ...free, session: "other" }),
  load: (store) => store.load(free, "a"),
  find: (store) => store.find(free, "a"),
  loadByEventId: (store) => store.loadByEventId(free, "free-a"),
  list: (store) => store.list(free, ""),
  listKind: (store) => store.listKind(scope, "a"),
  status: (_, driver) => driver.status(),
  sweep: (_, driver) => driver.sweep(free),
};

describe("no call takes longer than timeoutMs and a second, with all that may wait waiting", () => {
  test.each<[string, (url: string) => Promise<BlockedStore>]>([
    ["behind a server that is frozen", frozen],
    ["behind tables that somebody has locked", tablesLocked],
  ])("%s", async (_, stick) => {
    const { driver, store, url } = await stick(await migratedDatabase());
    const started = ownTime();
    const calls = Array.from({ length: 8 }, () =>
      Object.entries(CALLS).map(async ([name, call]) => {
        const code = await call(store, driver).then(
          () => "done",
          ({ code }) => String(code),
        );
        return { name, code, tookMs: ownTime() - started };
      }),
    ).flat();
    const looked = health({ url, timeoutMs: quickMs }, { write: true });
    const { writes, reads } = store.status?.() ?? fail();
    for (const { name, code, tookMs } of await Promise.all(calls)) {
      // Without a record nothing is read from the tables.
      if (name !== "sweep" && name !== "status")
        expect(code, name).toMatch(/^(UNAVAILABLE|OUTCOME_UNKNOWN)$/);
      expect(tookMs, name).toBeLessThan(quickMs + MAX_OVERRUN_MS + MARGIN_MS);
    }
    // The queue's depth is visible while nothing moves.
    expect(writes.waiting.commits + writes.underWay.commits).toBe(32);
    expect(reads.waiting + reads.underWay).toBe(40);
    await looked;
    expect(ownTime() - started).toBeLessThan(quickMs + MAX_OVERRUN_MS + MARGIN_MS);
    const closing = ownTime();
    await store.close({ timeoutMs: 0 });
    expect(ownTime() - closing).toBeLessThan(MAX_OVERRUN_MS + MARGIN_MS);
  });
});

const quickMs = 1000;

interface BlockedStore {
  readonly url: string;
  readonly driver: Driver;
  readonly store: StateStore;
}

async function frozen(url: string): Promise<BlockedStore> {
  const proxy = await startProxy(url);
  const blocked = await queueOf(withPort(url, proxy.port));
  proxy.onRequest = () => "stall";
  return blocked;
}

async function tablesLocked(url: string): Promise<BlockedStore> {
  const blocked = await queueOf(url);
  const sql = plainClient(url);
  await sql.unsafe("BEGIN");
  await sql.unsafe("LOCK TABLE groundstate.record, groundstate.migration IN ACCESS EXCLUSIVE MODE");
  return blocked;
}

/** A store whose queues are all full. */
async function queueOf(url: string): Promise<BlockedStore> {
  const driver = await openPostgres({ url, timeoutMs: quickMs, poolSize: 2 });
  const store = createStore(driver, { layers: driver.layers ?? [], maxQueuedCommits: 6 });
  await save(store, free);
  return { url, driver, store };
}

function fail(): never {
  throw new Error("a store says what waits in it");
}

test("a read whose answer the network loses is tried once more, within the time of the call", async () => {
  const url = await migratedDatabase();
  const proxy = await startProxy(url);
  const store = await storeOf(withPort(url, proxy.port));
  await save(store, free);
  let lostAnswers = 0;
  proxy.onRequest = (data) => (data.includes("FROM") && lostAnswers++ === 0 ? "hang" : "pass");
  expect(await store.find(free, "a")).toMatchObject({ eventId: "free-a" });
  expect(lostAnswers).toBeGreaterThan(1);
});

async function storeOf(url: string): Promise<StateStore> {
  const driver = await open({ url, timeoutMs });
  return createStore(driver, { layers: driver.layers ?? [] });
}

async function failed(call: Promise<unknown>) {
  const started = ownTime();
  const error = await failure(call);
  return { error, tookMs: ownTime() - started };
}
