import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { createStore, type Driver, type Slot } from "../../src/index.js";
import { deferred, methods, unavailable } from "../store/store-rig.js";
import { newSession } from "../typed/stores.js";
import { nextOf, note, textsUntil, told, within } from "./watching.js";

/** The optional parts that a driver may have. */
type Optional = Partial<Pick<Driver, "readEventIds" | "changeCounter" | "changes" | "batchesOneTenant">>;

/** A driver in memory with these optional parts, and two stores on it. `asked` has the size of each question. */
async function rig(optional: (memory: Driver) => Optional = () => ({})) {
  const memory = await openMemory();
  const asked: number[] = [];
  const reads: number[] = [];
  const driver: Driver = {
    ...methods(memory),
    async read(slots) {
      reads.push(slots.length);
      return memory.read(slots);
    },
    ...optional(memory),
  };
  const { readEventIds } = driver;
  if (readEventIds !== undefined)
    driver.readEventIds = async (slots, limit) => {
      asked.push(slots.length);
      return readEventIds(slots, limit);
    };
  const [store, other] = [createStore(driver), createStore(methods(memory))];
  onTestFinished(async () => {
    await store.close();
  });
  return { store, other, asked, reads, driver };
}

const eventIds = (memory: Driver): Optional => ({
  readEventIds: async (slots) => (await memory.read(slots)).map((record) => record?.eventId),
});

describe("a driver", () => {
  test.each<readonly [string, (memory: Driver) => Optional]>([
    ["without any optional part", () => ({})],
    ["that reads event ids", eventIds],
    ["with a change counter", (memory) => ({ ...eventIds(memory), changeCounter: counterOver(memory) })],
    ["that tells of changes", (memory) => ({ changes: memory.changes as NonNullable<Driver["changes"]> })],
  ])("%s lets a watch see what another store writes", async (_, optional) => {
    const { store, other } = await rig(optional);
    const who = newSession();
    const watch = store.watch([{ identity: who, kind: "a" }], { pollMs: 5 });
    await nextOf(watch);
    for (const text of ["one", "two"]) {
      await other.save(note(who, "a", text));
      expect(told(await nextOf(watch))).toEqual(["a", text]);
    }
    await other.erase(who);
    expect(told(await nextOf(watch))).toEqual(["a", undefined]);
    await watch.return();
  });

  test("that tells of changes is not asked while there are none", async () => {
    const { store, other, asked } = await rig((memory) => ({
      ...eventIds(memory),
      changes: memory.changes as NonNullable<Driver["changes"]>,
    }));
    const who = newSession();
    const watch = store.watch([{ identity: who, kind: "a" }], { pollMs: 1 });
    await nextOf(watch);
    await within(quiet(asked));
    await other.save(note(who, "a", "new"));
    expect(told(await nextOf(watch))).toEqual(["a", "new"]);
    await watch.return();
  });

  test("whose change counter stands still is not asked for slots", async () => {
    let counter = 0;
    let counted = 0;
    const { store, other, asked } = await rig((memory) => ({
      ...eventIds(memory),
      changeCounter: async () => {
        counted++;
        return counter;
      },
    }));
    const who = newSession();
    const watch = store.watch([{ identity: who, kind: "a" }], { pollMs: 2 });
    await nextOf(watch);
    await expect.poll(() => counted).toBeGreaterThan(10);
    expect(asked).toEqual([1]);
    await other.save(note(who, "a", "new"));
    counter++;
    expect(told(await nextOf(watch))).toEqual(["a", "new"]);
    await watch.return();
  });
});

test("5,000 watches of one slot each cost one question per interval, in calls of at most 500 slots", async () => {
  const { store, asked, reads } = await rig(eventIds);
  const who = newSession();
  const watches = Array.from({ length: 5000 }, (_, n) =>
    store.watch([{ identity: who, kind: `kind/${n}` }], { pollMs: 20 }),
  );
  await Promise.all(watches.map((watch) => nextOf(watch)));
  const waiting = watches.map((watch) => watch.next());
  expect(reads.reduce((sum, size) => sum + size, 0)).toBe(5000);
  asked.length = 0;
  await expect.poll(() => asked.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(30);
  expect(new Set(asked)).toEqual(new Set([500]));
  await store.save(note(who, "kind/7", "new"));
  expect((await within(waiting[7] as (typeof waiting)[0])).value?.kind).toBe("kind/7");
  await Promise.all(watches.map((watch) => watch.return()));
  await Promise.all(waiting);
  const last = asked.length;
  await sleep(60);
  expect(asked.length).toBeLessThanOrEqual(last + 1);
});

test("a slot that many watches share is asked about once, and read once by each when it has changed", async () => {
  const { store, other, asked, reads } = await rig(eventIds);
  const who = newSession();
  const watches = Array.from({ length: 50 }, () =>
    store.watch([{ identity: who, kind: "a" }], { pollMs: 5 }),
  );
  await Promise.all(watches.map((watch) => nextOf(watch)));
  const waiting = watches.map((watch) => watch.next());
  reads.length = 0;
  asked.length = 0;
  await expect.poll(() => asked.length).toBeGreaterThan(3);
  expect(new Set(asked)).toEqual(new Set([1]));
  expect(reads).toEqual([]);
  await other.save(note(who, "a", "new"));
  await within(Promise.all(waiting));
  expect(reads.reduce((sum, size) => sum + size, 0)).toBe(50);
  await Promise.all(watches.map((watch) => watch.return()));
});

test("where a statement may be about one tenant only, each tenant's slots are a question", async () => {
  const tenants: number[] = [];
  const { store } = await rig((memory) => ({
    batchesOneTenant: true,
    async readEventIds(slots) {
      tenants.push(new Set(slots.map(({ tenant }) => tenant)).size);
      return (await memory.read(slots)).map((record) => record?.eventId);
    },
  }));
  const watches = [1, 2, 3].map(() => store.watch([{ identity: newSession(), kind: "a" }], { pollMs: 5 }));
  await Promise.all(watches.map((watch) => nextOf(watch)));
  await expect.poll(() => tenants.length).toBeGreaterThan(8);
  expect(new Set(tenants)).toEqual(new Set([1]));
  await Promise.all(watches.map((watch) => watch.return()));
});

test("questions do not overlap, however long one takes", async () => {
  let underWay = 0;
  let most = 0;
  let calls = 0;
  const { store } = await rig((memory) => ({
    async readEventIds(slots) {
      calls++;
      most = Math.max(most, ++underWay);
      await sleep(20);
      underWay--;
      return (await memory.read(slots)).map((record) => record?.eventId);
    },
  }));
  const who = newSession();
  const watch = store.watch([{ identity: who, kind: "a" }], { pollMs: 1 });
  await nextOf(watch);
  await expect.poll(() => calls).toBeGreaterThan(4);
  expect(most).toBe(1);
  await watch.return();
});

describe("no change is lost", () => {
  test("between the first read and its answer", async () => {
    const answer = deferred<void>();
    const { store, other, driver } = await rig();
    const { read } = driver;
    let held = false;
    driver.read = async (slots) => {
      const records = await read.call(driver, slots);
      if (!held) {
        held = true;
        await answer.promise;
      }
      return records;
    };
    const who = newSession();
    await other.save(note(who, "a", "old"));
    const watch = store.watch([{ identity: who, kind: "a" }], { pollMs: 5 });
    const texts = textsUntil(watch, "new");
    await expect.poll(() => held).toBe(true);
    await other.save(note(who, "a", "new"));
    answer.resolve();
    expect(await within(texts)).toEqual(["old", "new"]);
  });

  test("by an own commit during a read that is answered late", async () => {
    const answer = deferred<void>();
    const { store, driver } = await rig();
    const { read } = driver;
    let held = 0;
    driver.read = async (slots) => {
      const records = await read.call(driver, slots);
      if (held++ === 0) await answer.promise;
      return records;
    };
    const who = newSession();
    await store.save(note(who, "a", "old"));
    const texts = textsUntil(store.watch([{ identity: who, kind: "a" }], { pollMs: 3_600_000 }), "new");
    await expect.poll(() => held).toBe(1);
    await store.save(note(who, "a", "new"));
    answer.resolve();
    expect(await within(texts)).toEqual(["old", "new"]);
  });

  test("by a question whose answer is older than what the caller has got", async () => {
    const answer = deferred<void>();
    let held = false;
    const { store, other } = await rig((memory) => ({
      async readEventIds(slots) {
        const found = (await memory.read(slots)).map((record) => record?.eventId);
        if (!held) {
          held = true;
          await answer.promise;
        }
        return found;
      },
    }));
    const who = newSession();
    const watch = store.watch([{ identity: who, kind: "a" }], { pollMs: 5 });
    await nextOf(watch);
    await expect.poll(() => held).toBe(true);
    await store.save(note(who, "a", "one"));
    expect(told(await nextOf(watch))).toEqual(["a", "one"]);
    await other.save(note(who, "a", "two"));
    const next = nextOf(watch);
    answer.resolve();
    expect(told(await next)).toEqual(["a", "two"]);
    await watch.return();
  });

  test("by a commit whose outcome is unknown, where the driver is never asked", async () => {
    const { store, driver } = await rig((memory) => ({
      changes: {
        groupOf: () => "",
        subscribe(listener) {
          listener.live(Number.POSITIVE_INFINITY);
          return () => {};
        },
      },
      ...eventIds(memory),
    }));
    const { apply } = driver;
    driver.apply = async (...given) => {
      await apply.call(driver, ...given);
      throw new Error("the answer was lost");
    };
    const who = newSession();
    const watch = store.watch([{ identity: who, kind: "a" }]);
    await nextOf(watch);
    await expect(store.save(note(who, "a", "new"))).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(told(await nextOf(watch))).toEqual(["a", "new"]);
    await watch.return();
  });

  test("while the feed is lost, and when it is live again", async () => {
    const feed = testFeed();
    const { store, other, asked } = await rig((memory) => ({ ...eventIds(memory), changes: feed.changes }));
    const who = newSession();
    const watch = store.watch([{ identity: who, kind: "a" }], { pollMs: 5 });
    await nextOf(watch);
    await other.save(note(who, "a", "not live yet"));
    expect(told(await nextOf(watch))).toEqual(["a", "not live yet"]);
    feed.listener().live(3_600_000);
    await other.save(note(who, "a", "told"));
    feed.listener().changed(["another group"]);
    await within(quiet(asked));
    feed.listener().changed(["group"]);
    expect(told(await nextOf(watch))).toEqual(["a", "told"]);
    await other.save(note(who, "a", "missed"));
    feed.listener().live(3_600_000);
    expect(told(await nextOf(watch))).toEqual(["a", "missed"]);
    feed.listener().live(5);
    await other.save(note(who, "a", "not told of"));
    expect(told(await nextOf(watch))).toEqual(["a", "not told of"]);
    feed.listener().lost();
    await other.save(note(who, "a", "lost"));
    expect(told(await nextOf(watch))).toEqual(["a", "lost"]);
    const listener = feed.listener();
    await watch.return();
    expect(feed.isSubscribed()).toBe(false);
    listener.live(5);
    listener.changed(["group"]);
    listener.changed();
    listener.lost();
  });
});

describe("a store that fails", () => {
  test("for a while ends no watch, and is asked with growing pauses", async () => {
    let calls = 0;
    let away = false;
    const { store, other, driver } = await rig();
    const { read } = driver;
    driver.read = async (slots) => {
      calls++;
      if (away) throw unavailable("unreachable");
      return read.call(driver, slots);
    };
    const who = newSession();
    away = true;
    const watch = store.watch([{ identity: who, kind: "a" }], { pollMs: 1 });
    const first = nextOf(watch);
    await sleep(300);
    await expect.poll(() => calls).toBeGreaterThanOrEqual(2);
    expect(calls).toBeLessThanOrEqual(40);
    away = false;
    expect(told(await first)).toEqual(["a", undefined]);
    away = true;
    await other.save(note(who, "a", "new"));
    const second = nextOf(watch);
    await sleep(100);
    away = false;
    expect(told(await second)).toEqual(["a", "new"]);
    await watch.return();
  });

  test("for one slot ends the watch of that slot with its error, after all that was read before, and no other", async () => {
    const { store, other, driver } = await rig();
    const who = newSession();
    const sound = store.watch([{ identity: who, kind: "sound" }], { pollMs: 5 });
    const both = store.watch(
      ["sound", "damaged"].map((kind) => ({ identity: who, kind })),
      { pollMs: 5 },
    );
    for (const watch of [sound, both, both]) await nextOf(watch);
    await other.save(note(who, "damaged"));
    const { read } = driver;
    driver.read = async (slots) => damaged(await read.call(driver, slots), slots);
    await expect(nextOf(both)).rejects.toMatchObject({
      code: "CORRUPT",
      details: { at: { identity: who, kind: "damaged" } },
    });
    expect(await both.next()).toEqual({ done: true, value: undefined });
    await other.save(note(who, "sound", "new"));
    expect(told(await nextOf(sound))).toEqual(["sound", "new"]);
    await sound.return();
  });

  test("only when it is asked about many slots at once reads each slot for itself", async () => {
    const { store, other } = await rig(() => ({
      readEventIds: async () => {
        throw new Error("the driver cannot do that");
      },
    }));
    const who = newSession();
    const watch = store.watch([{ identity: who, kind: "a" }], { pollMs: 5 });
    await nextOf(watch);
    await other.save(note(who, "a", "new"));
    expect(told(await nextOf(watch))).toEqual(["a", "new"]);
    await watch.return();
  });
});

test("a read that hangs does not keep a watch from ending", async () => {
  const { store, driver } = await rig();
  const answer = deferred<void>();
  const { read } = driver;
  driver.read = async (slots) => {
    await answer.promise;
    return read.call(driver, slots);
  };
  const controller = new AbortController();
  const watch = store.watch([{ identity: newSession(), kind: "a" }], { signal: controller.signal });
  const waiting = watch.next();
  await sleep(10);
  controller.abort();
  expect(await within(waiting)).toEqual({ done: true, value: undefined });
  answer.resolve();
});

function counterOver(memory: Driver): () => Promise<number> {
  let counter = 0;
  memory.changes?.subscribe({ live() {}, lost() {}, changed: () => counter++ });
  return async () => counter;
}

/** A feed that the test speaks for; every slot is of the same group. */
function testFeed() {
  type Feed = NonNullable<Driver["changes"]>;
  let subscribed: Parameters<Feed["subscribe"]>[0] | undefined;
  const changes: Feed = {
    groupOf: () => "group",
    subscribe(listener) {
      subscribed = listener;
      return () => {
        subscribed = undefined;
      };
    },
  };
  return {
    changes,
    listener: () => subscribed as NonNullable<typeof subscribed>,
    isSubscribed: () => subscribed !== undefined,
  };
}

/** Waits until no more questions are asked. */
async function quiet(asked: readonly number[]): Promise<void> {
  for (let before = -1; before !== asked.length; await sleep(40)) before = asked.length;
}

function damaged(
  records: Awaited<ReturnType<Driver["read"]>>,
  slots: readonly Slot[],
): Awaited<ReturnType<Driver["read"]>> {
  return records.map((record, index) =>
    record !== undefined && slots[index]?.kind === "damaged"
      ? { ...record, bytes: Buffer.from("changed") }
      : record,
  );
}
