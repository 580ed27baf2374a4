import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { createApprovals } from "../../src/approvals/index.js";
import {
  createStore,
  type Driver,
  openStore,
  StateError,
  type StateStore,
  watchByReading,
} from "../../src/index.js";
import { isSoak } from "../soak.js";
import { methods } from "../store/store-rig.js";
import { inProcesses } from "../typed/processes.js";
import { newSession, onEveryStore, onSharedStores } from "../typed/stores.js";
import { ACTIONS, CALL, HOUR, TestClock } from "./states.js";

/** The store, with some methods replaced. */
function withMethods(store: StateStore, own: Partial<StateStore>): StateStore {
  return {
    limits: store.limits,
    save: store.save.bind(store),
    commit: store.commit.bind(store),
    delete: store.delete.bind(store),
    erase: store.erase.bind(store),
    load: store.load.bind(store),
    find: store.find.bind(store),
    loadByEventId: store.loadByEventId.bind(store),
    list: store.list.bind(store),
    listKind: store.listKind.bind(store),
    count: store.count.bind(store),
    listSessions: store.listSessions.bind(store),
    watch(places, options) {
      return watchByReading(this, places, options);
    },
    close: store.close.bind(store),
    [Symbol.asyncDispose]: store[Symbol.asyncDispose].bind(store),
    ...own,
  };
}

function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

/** The store, with a count of its finds. */
function countingFinds(store: StateStore) {
  const counted = { finds: 0 };
  const find: StateStore["find"] = (...given) => {
    counted.finds++;
    return store.find(...given);
  };
  return { counted, store: withMethods(store, { find }) };
}

onEveryStore((opened) => {
  async function asked(store = opened.store, options = {}) {
    const approvals = createApprovals(store, { pollMs: 20, ...options });
    const who = newSession();
    const { approval } = await approvals.request(who, { ...CALL, id: "a", ttlMs: HOUR });
    return { approvals, who, id: approval.id };
  }

  test("a wait for a settled approval returns at once", async () => {
    for (const action of ["approve", "deny", "cancel"] as const) {
      const { approvals, who, id } = await asked(opened.store, { pollMs: 60_000 });
      const settled = await ACTIONS[action](approvals, who, id);
      expect(await approvals.wait(who, id)).toEqual(settled);
    }
  });

  test("a decision of this process settles all waiters at once, each with its own copy", async () => {
    const { approvals, who, id } = await asked(opened.store, { pollMs: 60_000 });
    const another = createApprovals(opened.store, { pollMs: 60_000 });
    const waits = [approvals, approvals, another].map((gate) => gate.wait(who, id));
    await sleep(30);
    const decided = await ACTIONS.approve(approvals, who, id);
    const seen = await Promise.all(waits);
    expect(seen).toEqual([decided, decided, decided]);
    (seen[0]?.arguments as { path: string }).path = "changed";
    expect(seen[1]).toEqual(decided);
  });

  test("a decision made through another store is found by the next poll", async () => {
    const { store } = countingFinds(opened.store);
    const { approvals, who, id } = await asked(store);
    const wait = approvals.wait(who, id);
    await sleep(50);
    await ACTIONS.deny(createApprovals(opened.store), who, id);
    await expect(wait).resolves.toMatchObject({ status: "denied", decision: { by: "bob" } });
  });

  test("it ends when the request expires, before the next poll", async () => {
    const approvals = createApprovals(opened.store, { pollMs: 60_000 });
    const who = newSession();
    const { approval } = await approvals.request(who, { ...CALL, ttlMs: 150 });
    await expect(approvals.wait(who, approval.id)).resolves.toMatchObject({ status: "expired" });
    expect(Date.now()).toBeGreaterThanOrEqual(approval.expiresAt.getTime());
    expect(Date.now()).toBeLessThan(approval.expiresAt.getTime() + 30_000);
  });

  test("it uses the given clock", async () => {
    const clock = new TestClock();
    const { approvals, who, id } = await asked(opened.store, { clock: clock.now });
    const wait = approvals.wait(who, id);
    await sleep(60);
    clock.pass(HOUR);
    await expect(wait).resolves.toMatchObject({ status: "expired" });
  });

  test("its own time limit, an abort, and the end of the approval end it", async () => {
    const { approvals, who, id } = await asked();
    await expect(approvals.wait(who, id, { timeoutMs: 40 })).rejects.toMatchObject({
      code: "WAIT_TIMED_OUT",
      details: { timeoutMs: 40 },
    });
    const reason = new Error("enough");
    await expect(approvals.wait(who, id, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const [aborted, other] = [
      approvals.wait(who, id, { signal: controller.signal }),
      approvals.wait(who, id),
    ];
    const both = Promise.allSettled([aborted, other]);
    await sleep(30);
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    await opened.store.erase(who);
    await expect(other).rejects.toMatchObject({ code: "NOT_FOUND" });
    await both;
    await expect(approvals.wait(who, "none")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("the timer ends with the last waiter", async () => {
    const { approvals, who, id } = await asked(opened.store, { pollMs: 60_000 });
    const controller = new AbortController();
    const { signal } = controller;
    const waits = [1, 2].map(() => approvals.wait(who, id, { signal, timeoutMs: 30_000 }));
    const ended = Promise.allSettled(waits);
    await sleep(50);
    const before = activeTimers();
    controller.abort();
    await ended;
    expect(activeTimers()).toBe(before - 1);
  });

  test("a store that is unavailable for a while is polled again", async () => {
    let away = false;
    const find: StateStore["find"] = async (...given) => {
      if (away) throw new StateError("UNAVAILABLE", "away", { details: { reason: "unreachable" } });
      return opened.store.find(...given);
    };
    const { approvals, who, id } = await asked(withMethods(opened.store, { find }));
    const wait = approvals.wait(who, id);
    away = true;
    await ACTIONS.approve(createApprovals(opened.store), who, id);
    await sleep(80);
    away = false;
    await expect(wait).resolves.toMatchObject({ status: "approved" });
  });

  test("a thousand waiters cost one read of each approval per poll, and one timer, and leave nothing", async () => {
    const { counted, store } = countingFinds(opened.store);
    const pollMs = 100;
    const approvals = createApprovals(store, { pollMs });
    const who = newSession();
    const ids = ["a", "b", "c", "d"];
    for (const id of ids) await approvals.request(who, { ...CALL, id });
    const before = activeTimers();
    const start = performance.now();
    const controller = new AbortController();
    const waits = Array.from({ length: 1000 }, (_, n) =>
      approvals.wait(who, ids[n % 4] as string, {
        timeoutMs: 20_000 + n,
        ...(n % 8 === 0 ? { signal: controller.signal } : {}),
      }),
    );
    const ended = Promise.allSettled(waits);
    await expect.poll(() => counted.finds).toBeGreaterThanOrEqual(4 * 3);
    expect(activeTimers() - before).toBeLessThanOrEqual(2);
    const polls = Math.ceil((performance.now() - start) / pollMs) + 1;
    expect(counted.finds).toBeLessThanOrEqual(4 * polls);
    controller.abort();
    for (const id of ids) await ACTIONS.approve(createApprovals(opened.store), who, id);
    const answers = await ended;
    expect(answers.filter(({ status }) => status === "rejected")).toHaveLength(125);
    const found = counted.finds;
    await sleep(3 * pollMs);
    expect(counted.finds).toBe(found);
    expect(activeTimers()).toBeLessThanOrEqual(before);
  });
});

test("waiters of thousands of approvals share one question per interval, of event ids alone", async () => {
  const memory = await openMemory();
  const asked: number[] = [];
  let reads = 0;
  const driver: Driver = {
    ...methods(memory),
    read(slots) {
      reads++;
      return memory.read(slots);
    },
    async readEventIds(slots) {
      asked.push(slots.length);
      return (await memory.read(slots)).map((record) => record?.eventId);
    },
  };
  await using store = createStore(driver);
  const pollMs = 100;
  const approvals = createApprovals(store, { pollMs });
  const who = newSession();
  const ids = Array.from({ length: isSoak ? 5000 : 1000 }, (_, n) => `a${n}`);
  await Promise.all(ids.map((id) => approvals.request(who, { ...CALL, id })));
  const controller = new AbortController();
  const start = performance.now();
  const waits = ids.map((id) => approvals.wait(who, id, { signal: controller.signal }));
  const ended = Promise.allSettled(waits);
  const perInterval = ids.length / 500;
  await expect.poll(() => asked.length).toBeGreaterThanOrEqual(2 * perInterval);
  const before = reads;
  await expect.poll(() => asked.length).toBeGreaterThanOrEqual(6 * perInterval);
  expect(reads).toBe(before);
  const intervals = Math.ceil((performance.now() - start) / pollMs) + 1;
  expect(asked.length).toBeLessThanOrEqual(intervals * perInterval);
  // Another store decides: the next question finds it, and one record is read.
  await ACTIONS.approve(createApprovals(createStore(methods(memory))), who, "a7");
  await expect(waits[7]).resolves.toMatchObject({ id: "a7", status: "approved" });
  expect(reads).toBeLessThanOrEqual(before + 3);
  controller.abort();
  await ended;
});

onSharedStores((opened) => {
  test("a store that is closed meanwhile ends it, and no timer is left", async () => {
    const store = await openStore(opened.url);
    const approvals = createApprovals(store, { pollMs: 20 });
    const who = newSession();
    await approvals.request(who, { ...CALL, id: "a" });
    const wait = approvals.wait(who, "a");
    const ended = wait.catch(() => {});
    await sleep(50);
    await store.close();
    await ended;
    await expect(wait).rejects.toMatchObject({ code: "STORE_CLOSED" });
  });

  test("a decision of another process is seen", async () => {
    const approvals = createApprovals(opened.store);
    const who = newSession();
    await approvals.request(who, { ...CALL, id: "a" });
    const wait = approvals.wait(who, "a", { timeoutMs: 20_000 });
    const ended = wait.catch(() => {});
    const [decided] = await inProcesses(
      1,
      opened.url,
      { who },
      `
        import { createApprovals } from "groundstate/approvals";
        const decided = await createApprovals(store).decide(args.who, "a", { decision: "deny", by: "process", reason: "no" });
        console.log(JSON.stringify(decided));
      `,
    );
    await ended;
    expect(JSON.parse(JSON.stringify(await wait))).toEqual(decided);
    expect(decided).toMatchObject({ status: "denied", decision: { by: "process", reason: "no" } });
  });
});
