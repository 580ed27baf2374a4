import { expect, test } from "vitest";
import type { Driver, Outcome } from "../../src/contract/driver.js";
import { createStore } from "../../src/store/driver-store.js";
import { deferred, driverWith, IDENTITY } from "./store-rig.js";

const turns = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

const NOTHING = {
  writes: { waiting: { commits: 0, bytes: 0 }, underWay: { commits: 0, bytes: 0 } },
  reads: { waiting: 0, underWay: 0 },
};

/** A store whose driver answers when the test says so. */
function blockedStore(options: object = {}) {
  const gate = deferred<void>();
  const answered = async <T>(answer: T): Promise<T> => {
    await gate.promise;
    return answer;
  };
  const driver: Partial<Driver> = {
    apply: (commits) =>
      answered(commits.map(({ writes }): Outcome => ({ is: "applied", existed: writes.map(() => false) }))),
    read: (slots) => answered(slots.map(() => undefined)),
    scan: () => answered({ records: [], more: false }),
  };
  const store = createStore(driverWith(driver), options);
  let made = 0;
  const save = (size: number) => {
    const eventId = `e${++made}`;
    return store.save({ eventId, identity: IDENTITY, kind: eventId, bytes: new Uint8Array(size) });
  };
  return { store, save, release: () => gate.resolve() };
}

test("status counts the commits and bytes that wait, in the queue and for room, while the driver does not answer", async () => {
  const { store, save, release } = blockedStore({ maxQueuedCommits: 4 });
  expect(store.status?.()).toEqual(NOTHING);
  const calls = [save(10)];
  await turns();
  expect(store.status?.().writes).toEqual({
    waiting: { commits: 0, bytes: 0 },
    underWay: { commits: 1, bytes: 10 },
  });
  for (let index = 0; index < 7; index++) calls.push(save(100));
  expect(store.status?.().writes).toEqual({
    waiting: { commits: 7, bytes: 700 },
    underWay: { commits: 1, bytes: 10 },
  });
  await turns();
  expect(store.status?.().writes.waiting).toEqual({ commits: 7, bytes: 700 });
  release();
  await Promise.all(calls);
  await store.close();
  expect(store.status?.()).toEqual(NOTHING);
});

test("a call that its caller gave up does not count as waiting", async () => {
  const { store, save } = blockedStore();
  void save(10);
  await turns();
  const controller = new AbortController();
  const left = store.delete(IDENTITY, "k", { signal: controller.signal });
  expect(store.status?.().writes.waiting.commits).toBe(1);
  controller.abort("left");
  await expect(left).rejects.toBe("left");
  expect(store.status?.().writes.waiting.commits).toBe(0);
});

test("status counts reads too: single slots and lists", async () => {
  const { store, release } = blockedStore();
  const finds = Array.from({ length: 100 }, (_, index) => store.find(IDENTITY, `k${index}`));
  const lists = Array.from({ length: 10 }, () => store.list(IDENTITY, ""));
  await turns();
  const { waiting, underWay } = store.status?.().reads ?? NOTHING.reads;
  expect(waiting + underWay).toBe(110);
  expect(waiting).toBeGreaterThan(0);
  expect(underWay).toBeGreaterThan(0);
  release();
  await Promise.all([...finds, ...lists]);
  expect(store.status?.().reads).toEqual(NOTHING.reads);
});
