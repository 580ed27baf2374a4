import { describe, expect, test } from "vitest";
import { createStore, type Driver, type StateStore } from "../../src/index.js";
import { type FaultyProxy, startProxy } from "./postgres-proxy.js";
import {
  failOnUncaughtErrors,
  failure,
  migratedDatabase,
  open,
  plainClient,
  SLOT,
  type Sql,
  withPort,
} from "./postgres-rig.js";

failOnUncaughtErrors();

const ANN = { tenant: "acme", user: "ann", session: "s1" };

/** The part of a delete that is visible on the wire. */
const DELETE = `{"delete"}`;

describe("an answer that is lost after the commit", () => {
  test("a save is recognised when it is sent again, and acknowledged once", async () => {
    const { store, proxy, sql } = await proxied();
    for (let n = 0; n < 20; n++) {
      failOnce(proxy, `event-${n}`, n % 2 === 0 ? "cut the answer" : "cut");
      const save = { eventId: `event-${n}`, identity: ANN, kind: "note", bytes: Buffer.from(String(n)) };
      const { duplicate } = await store.save(save);
      // Had the first been written, the second is a duplicate of it; only a lost request is written by the second.
      expect(duplicate).toBe(n % 2 === 0);
      expect((await store.save(save)).duplicate).toBe(true);
    }
    expect(await events(sql)).toBe(20);
  });

  test("a conditional save too, although its own condition no longer holds", async () => {
    const { store, proxy } = await proxied();
    failOnce(proxy, "event-1", "cut the answer");
    const save = { eventId: "event-1", identity: ANN, kind: "note", bytes: Buffer.from("1") };
    expect(await store.save(save, { expect: null })).toMatchObject({ duplicate: true });
  });

  test("a delete and an erase are not sent again: the caller has to read first", async () => {
    const { store, proxy, sql } = await proxied();
    for (const kind of ["a", "b"])
      await store.save({ eventId: kind, identity: ANN, kind, bytes: Buffer.from("") });

    failOnce(proxy, DELETE, "cut the answer");
    expect(await failure(store.delete(ANN, "a"))).toMatchObject({
      code: "OUTCOME_UNKNOWN",
      retryable: false,
    });
    expect(await store.find(ANN, "a")).toBeUndefined();

    failOnce(proxy, DELETE, "cut");
    expect(await failure(store.delete(ANN, "b"))).toMatchObject({
      code: "OUTCOME_UNKNOWN",
      retryable: false,
    });
    expect(await store.find(ANN, "b")).toBeDefined();

    const other = { ...ANN, session: "to-be-erased" };
    await store.save({ eventId: "c", identity: other, kind: "c", bytes: Buffer.from("") });
    failOnce(proxy, other.session, "cut the answer");
    const error = await failure(store.erase(other));
    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });
    expect(error.message).toContain("read");
    expect(await sql`SELECT FROM groundstate.record WHERE session = ${other.session}`).toHaveLength(0);
  });

  test("a delete and saves in one batch each get their own outcome", async () => {
    const { store, proxy } = await proxied();
    await store.save({ eventId: "first", identity: ANN, kind: "a", bytes: Buffer.from("") });
    failOnce(proxy, "second", "cut the answer");
    const outcomes = await Promise.allSettled([
      store.save({ eventId: "second", identity: ANN, kind: "b", bytes: Buffer.from("") }),
      store.delete(ANN, "a"),
      store.save({ eventId: "third", identity: ANN, kind: "c", bytes: Buffer.from("") }),
    ]);
    expect(outcomes).toMatchObject([
      { status: "fulfilled", value: { duplicate: true } },
      { status: "rejected", reason: { code: "OUTCOME_UNKNOWN", retryable: false } },
      { status: "fulfilled", value: { duplicate: true } },
    ]);
    expect(await store.find(ANN, "a")).toBeUndefined();
  });
});

async function proxied(poolSize = 2) {
  const url = await migratedDatabase();
  const proxy = await startProxy(url);
  const driver = await open({ url: withPort(url, proxy.port), timeoutMs: 5000, poolSize });
  return { store: storeOf(driver, 2), proxy, sql: plainClient(url) };
}

function storeOf(driver: Driver, inFlight: number): StateStore {
  return createStore(driver, { layers: driver.layers ?? [], inFlight });
}

/** Fails the next request that contains this text, once. */
function failOnce(proxy: FaultyProxy, text: string, how: "cut" | "cut the answer"): void {
  proxy.onRequest = (data) => {
    if (!data.includes(text)) return "pass";
    proxy.onRequest = () => "pass";
    return how;
  };
}

async function events(sql: Sql): Promise<number> {
  return (await sql`SELECT FROM groundstate.event`).length;
}

test("idle connections that the network dropped cost one call", async () => {
  const url = await migratedDatabase();
  const proxy = await startProxy(url);
  const driver = await open({ url: withPort(url, proxy.port), timeoutMs: 1500 });
  await Promise.all(["1", "2", "3"].map((kind) => driver.read([{ ...SLOT, kind }])));
  await expect.poll(async () => (await driver.status()).pool?.idle, { timeout: 60_000 }).toBeGreaterThan(1);
  const before = proxy.accepted;
  proxy.onRequest = () => (proxy.accepted === before ? "hang" : "pass");
  expect(await failure(driver.read([SLOT]))).toMatchObject({ code: "UNAVAILABLE" });
  expect(await driver.read([SLOT])).toEqual([undefined]);
});

test("a server that accepts connections and closes them at once is not dialed without pauses", async () => {
  const url = await migratedDatabase();
  const proxy = await startProxy(url);
  const driver = await open({ url: withPort(url, proxy.port), poolSize: 2, timeoutMs: 1000 });
  proxy.onConnect = () => "close";
  proxy.cut();
  const before = proxy.accepted;
  // Many calls wait, and one search runs for all: a few dials per second, not thousands.
  const calls = Array.from({ length: 50 }, (_, n) => driver.read([{ ...SLOT, kind: `${n}` }]));
  for (const error of await Promise.all(calls.map(failure))) {
    expect(error).toMatchObject({ details: { reason: "unreachable" } });
    expect(error.message).toContain("cannot be reached");
  }
  expect(proxy.accepted).toBeGreaterThan(before);
  expect(proxy.accepted - before).toBeLessThan(100);
});
