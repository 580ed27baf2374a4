import { beforeAll, describe, expect, test } from "vitest";
import "../../drivers/index.js";
import { type Checkpoints, createCheckpoints } from "../../src/checkpoints/index.js";
import { openStore, type SessionIdentity, type StateStore } from "../../src/index.js";
import { withMethods } from "../sessions/rig.js";
import { newSession } from "../typed/stores.js";

const PLACE = { lineage: "thread" };
const READS = ["list", "find", "loadByEventId", "count"] as const;

/** What a call asked of the store. */
interface Asked {
  calls: number;
  /** Records that were read, and the most that one call read. */
  records: number;
  mostRecords: number;
  /** The most changes of one commit. */
  mostChanges: number;
}

async function askedBy(store: StateStore, call: (saved: Checkpoints) => Promise<unknown>): Promise<Asked> {
  const asked: Asked = { calls: 0, records: 0, mostRecords: 0, mostChanges: 0 };
  const methods = Object.fromEntries(
    READS.map((name) => [
      name,
      async (...args: unknown[]) => {
        asked.calls++;
        const found: unknown = await Reflect.apply(Reflect.get(store, name), store, args);
        const records = Array.isArray(found) ? found.length : 1;
        asked.records += records;
        asked.mostRecords = Math.max(asked.mostRecords, records);
        return found;
      },
    ]),
  );
  const commit: StateStore["commit"] = (changes, options) => {
    asked.calls++;
    asked.mostChanges = Math.max(asked.mostChanges, changes.length);
    return store.commit(changes, options);
  };
  await call(createCheckpoints(withMethods(store, { ...methods, commit } as Partial<StateStore>)));
  return asked;
}

async function putLine(store: StateStore, who: SessionIdentity, count: number): Promise<void> {
  const saved = createCheckpoints(store);
  for (let step = 1; step <= count; step++) {
    const parent = step > 1 && { parent: `c-${step - 1}`, inherit: true };
    await saved.put(who, { ...PLACE, id: `c-${step}`, ...parent, values: { [`v${step % 10}`]: step } });
  }
}

describe("a lineage of 200 checkpoints, and one of 800", () => {
  const SIZES = [200, 800] as const;
  let store: StateStore;
  const owners = new Map<number, SessionIdentity>();
  const lineageOf = (size: number) => owners.get(size) as SessionIdentity;
  beforeAll(async () => {
    store = await openStore("memory:");
    for (const size of SIZES) {
      owners.set(size, newSession());
      await putLine(store, lineageOf(size), size);
    }
  });

  const SAME: Record<string, (saved: Checkpoints, who: SessionIdentity, size: number) => Promise<unknown>> = {
    put: (saved, who, size) =>
      saved.put(who, { ...PLACE, id: "next", parent: `c-${size}`, inherit: true, values: { v1: 0 } }),
    latest: (saved, who) => saved.latest(who, PLACE),
    "get of an old one": (saved, who) => saved.get(who, { ...PLACE, id: "c-7" }),
    list: (saved, who) => saved.list(who, PLACE),
    history: (saved, who, size) => saved.history(who, { ...PLACE, id: `c-${size}` }),
    tuple: (saved, who) => saved.tuple(who, PLACE),
    "fork up to an early one": (saved, who) => saved.fork(who, PLACE, { to: "early", id: "c-20" }),
  };
  test.each(Object.entries(SAME))("%s asks as much of both", async (_, call) => {
    const ask = (size: number) => askedBy(store, (saved) => call(saved, lineageOf(size), size));
    const [small, large] = [await ask(SIZES[0]), await ask(SIZES[1])];
    // They may differ by a node.
    expect(Math.abs(large.records - small.records)).toBeLessThan(10);
    expect(Math.abs(large.calls - small.calls)).toBeLessThan(10);
  });

  test("a prune reads what it keeps and removes once, in pages, and no list or commit grows with it", async () => {
    for (const size of SIZES) {
      const who = lineageOf(size);
      for (const keep of [size - 50, 20]) {
        const asked = await askedBy(store, (saved) => saved.prune(who, PLACE, { keep }));
        expect(asked.mostRecords).toBeLessThanOrEqual(1_000);
        expect(asked.mostChanges).toBeLessThanOrEqual(1_100);
        expect(asked.records).toBeLessThan(8 * size);
        expect(asked.calls).toBeLessThan(40 + size);
      }
      const again = await askedBy(store, (saved) => saved.prune(who, PLACE, { keep: 20 }));
      expect(again.calls).toBeLessThan(15);
    }
  });
});

test("a prune beside puts reads only what is new before it tries again", async () => {
  const store = await openStore("memory:");
  const who = newSession();
  await putLine(store, who, 500);
  const saved = createCheckpoints(store);
  let left = 10;
  let reads = 0;
  const methods: Partial<StateStore> = {
    commit: async (changes, options) => {
      if (changes.some(({ op }) => op === "delete") && left-- > 0)
        await saved.put(who, {
          ...PLACE,
          namespace: `new ${left}`,
          id: "late",
          values: {},
          parents: { "": "c-3" },
        });
      return store.commit(changes, options);
    },
    list: (async (...args: Parameters<StateStore["list"]>) => {
      const found = await store.list(...args);
      reads += found.length;
      return found;
    }) as unknown as StateStore["list"],
  };
  const pruned = await createCheckpoints(withMethods(store, methods)).prune(who, PLACE, { keep: 450 });
  // The third one came to be referred to before it was removed.
  expect(pruned.checkpoints).toBe(49);
  expect(await saved.find(who, { ...PLACE, id: "c-3" })).toBeDefined();
  expect(reads).toBeLessThan(3_000);
});

test("what others have in the session costs a prune and a deletion of an unshared lineage nothing", async () => {
  const store = await openStore("memory:");
  const who = newSession();
  const saved = createCheckpoints(store);
  for (let number = 0; number < 150; number++)
    await saved.put(who, { lineage: `other ${number}`, id: "c", values: { number } });
  await putLine(store, who, 5);
  const pruned = await askedBy(store, (beside) => beside.prune(who, PLACE, { keep: 2 }));
  expect(pruned.records).toBeLessThan(100);
  const deleted = await askedBy(store, (beside) => beside.deleteLineage(who, PLACE.lineage));
  expect(deleted.records).toBeLessThan(10);
});

test("ancestors that lie far apart are found without reading what lies between", async () => {
  const store = await openStore("memory:");
  const who = newSession();
  const saved = createCheckpoints(store);
  const branches = 110;
  for (let at = 0; at < branches * 4; at++)
    await saved.put(who, {
      ...PLACE,
      id: `c-${at}`,
      ...(at >= branches && { parent: `c-${at - branches}` }),
      values: {},
    });
  const last = { ...PLACE, id: `c-${branches * 4 - 1}` };
  expect(await saved.history(who, last)).toHaveLength(4);
  const asked = await askedBy(store, (beside) => beside.history(who, last));
  expect(asked.records).toBeLessThan(100);
});
