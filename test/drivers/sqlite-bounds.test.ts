import { expect, test } from "vitest";
import { openSqlite } from "../../drivers/sqlite/index.js";
import { createStore, type StateStore } from "../../src/index.js";
import { ownTime } from "../own-time.js";
import { existingPath, failure, open, plainConnection } from "./sqlite-rig.js";

const busyTimeoutMs = 300;
const queueTimeoutMs = 300;
/** How much longer a busy machine may take. */
const MARGIN_MS = 2000;

const identity = { tenant: "acme", user: "ann", session: "s1" };

const WRITES: Readonly<Record<string, (store: StateStore, index: number) => Promise<unknown>>> = {
  save: (store, index) => store.save({ eventId: `e${index}`, identity, kind: "k", bytes: new Uint8Array(9) }),
  delete: (store) => store.delete(identity, "k"),
  commit: (store) => store.commit([{ op: "delete", identity, kind: "k" }]),
  erase: (store) => store.erase(identity),
};

test("a write waits for its turn in the queue and then for another process's lock, each with its own limit", async () => {
  const path = await existingPath();
  const driver = await openSqlite({ path, busyTimeoutMs });
  const store = createStore(driver, { queueTimeoutMs, maxQueuedCommits: 6 });
  plainConnection(path).exec("BEGIN IMMEDIATE");
  const started = ownTime();
  const calls = Array.from({ length: 8 }, (_, index) =>
    Object.entries(WRITES).map(async ([name, call]) => {
      const error = await failure(call(store, index));
      return { name, error, tookMs: ownTime() - started };
    }),
  ).flat();
  for (const { name, error, tookMs } of await Promise.all(calls)) {
    expect(error, name).toMatchObject({ code: "UNAVAILABLE", details: { reason: "busy" } });
    expect(tookMs, name).toBeLessThan(queueTimeoutMs + busyTimeoutMs + MARGIN_MS);
  }
  await store.close();
});

test("a call that a layer gives less time waits for a lock no longer than that", async () => {
  const path = await existingPath();
  const driver = await open({ path, busyTimeoutMs: 60_000 });
  plainConnection(path).exec("BEGIN IMMEDIATE");
  const started = ownTime();
  const write = { op: "delete", slot: { ...identity, run: "", kind: "k" } } as const;
  const deadline = process.uptime() * 1000 + 100;
  const options = { now: Date.now(), window: 1000, deadline };
  const error = await failure(driver.apply([{ tenant: "acme", writes: [write] }], options));
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "busy" } });
  expect(ownTime() - started).toBeLessThan(100 + MARGIN_MS);
});
