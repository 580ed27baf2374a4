import { afterAll, beforeAll, describe, expect, test } from "vitest";
import "../../drivers/index.js";
import { type Change, openStore, StateError, type StateStore } from "../../src/index.js";
import type { CombinedWork } from "../../src/typed/combined/combined-work.js";
import { Combiner } from "../../src/typed/combined/combiner.js";
import { Collection, type Transaction, TypedSlot, transact } from "../../src/typed/index.js";
import { newSession } from "./stores.js";

let store: StateStore;
beforeAll(async () => {
  store = await openStore("memory:");
});
afterAll(() => store.close());

/** A counter that works add to, in a session of its own, and the commits that were made of them. */
function setUp(through: (commit: StateStore["commit"]) => StateStore["commit"] = (commit) => commit) {
  const who = newSession();
  const commits: (readonly Change[])[] = [];
  const commit = through(store.commit.bind(store));
  const observed: StateStore = new Proxy(store, {
    get(target, name) {
      if (name === "commit")
        return (changes: readonly Change[], options: object) => {
          commits.push(changes);
          return commit(changes, options);
        };
      const member = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  const counter = new TypedSlot<number>(store, "count").at(who);
  const items = new Collection<number | string>(store, "item");
  const combiner = new Combiner<Transaction>(observed, (transaction) => transaction);
  /** Adds one to the counter, and keeps the number under the name. */
  const numbered = (name: string, more: Partial<CombinedWork<Transaction, number>> = {}) => ({
    reads: [counter],
    writes: 1,
    repeatable: true,
    async apply(transaction: Transaction) {
      const number = ((await transaction.get(counter)) ?? 0) + 1;
      await transaction.set(counter, number);
      await transaction.create(items.at(who, name), number);
      return number;
    },
    ...more,
  });
  const run = (work: CombinedWork<Transaction, number>, signal?: AbortSignal) =>
    combiner.run(counter, work, signal);
  const stored = async () => (await items.list(who)).map(({ id }) => id);
  return { who, commits, counter, items, numbered, run, stored, observed };
}

const names = (count: number) => Array.from({ length: count }, (_, n) => `n${String(n).padStart(3, "0")}`);

describe("works that write over a slot", () => {
  const over = (
    { who, items }: ReturnType<typeof setUp>,
    slot: string,
    eventId?: string,
  ): CombinedWork<Transaction, number> => ({
    reads: [],
    writes: 1,
    repeatable: eventId !== undefined,
    ids: eventId === undefined ? [] : [eventId],
    overwrites: items.at(who, slot),
    async apply(transaction) {
      await transaction.set(items.at(who, slot), eventId ?? "new", eventId);
      return 0;
    },
  });

  test.each([
    ["the same one under no id", [["a"], ["a"], ["a"]], 1],
    [
      "others under ids",
      [
        ["a", "1"],
        ["b", "2"],
        ["c", "3"],
      ],
      1,
    ],
    [
      "the same one under ids",
      [
        ["a", "1"],
        ["a", "2"],
        ["a", "3"],
      ],
      3,
    ],
    ["the same one, some of them under ids", [["a"], ["a", "1"], ["a"], ["b", "2"]], 2],
  ] as const)("share a commit as far as no id of it is lost: %s", async (_, works, expected) => {
    const rig = setUp();
    const unique = (id?: string) => (id === undefined ? undefined : `${rig.who.tenant}-${id}`);
    await Promise.all(works.map(([slot, id]) => rig.run(over(rig, slot, unique(id)))));
    expect(rig.commits).toHaveLength(expected);
    for (const [slot, id] of works) {
      if (id === undefined) continue;
      const known = {
        eventId: unique(id) as string,
        identity: rig.who,
        kind: rig.items.at(rig.who, slot).kind,
      };
      // The store knows the id, and that it stood for something else.
      const other = store.save({ ...known, bytes: Buffer.from("other") });
      await expect(other).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    }
  });

  test("do not share one with works before them that may have written anywhere", async () => {
    const rig = setUp();
    await Promise.all([
      rig.run(over(rig, "a", `${rig.who.tenant}-1`)),
      rig.run(rig.numbered("n1")),
      rig.run(rig.numbered("n2")),
      rig.run(over(rig, "n2", `${rig.who.tenant}-2`)),
    ]);
    expect(rig.commits).toHaveLength(2);
  });
});

describe("works of one turn", () => {
  test("share a commit, in the order of their calls", async () => {
    const { commits, numbered, run } = setUp();
    const answers = await Promise.all(names(50).map((name) => run(numbered(name))));
    expect(answers).toEqual(names(50).map((_, n) => n + 1));
    expect(commits).toHaveLength(1);
  });

  test("need a commit each without the combiner (control)", async () => {
    const { commits, counter, numbered, observed } = setUp();
    await Promise.all(
      names(50).map((name) =>
        transact(observed, (transaction) => numbered(name).apply(transaction), { turn: counter }),
      ),
    );
    expect(commits).toHaveLength(50);
  });

  test("that come meanwhile share the next commit, and a lone caller waits for nobody", async () => {
    const { commits, numbered, run } = setUp();
    await Promise.all(
      names(20).map(async (name) => {
        for (let turn = 0; turn < 5; turn++) await run(numbered(`${name}-${turn}`));
      }),
    );
    expect(commits.length).toBeLessThanOrEqual(10);
    const before = commits.length;
    for (const name of ["a", "b", "c"]) await run(numbered(name));
    expect(commits.length - before).toBe(3);
  });

  test("are divided by changes and by bytes", async () => {
    const { commits, numbered, run } = setUp();
    await Promise.all(names(20).map((name) => run(numbered(name, { writes: 50 }))));
    expect(commits).toHaveLength(4);
    await Promise.all(names(12).map((name) => run(numbered(`b${name}`, { bytes: 400_000 }))));
    expect(commits).toHaveLength(4 + 6);
    // Work that is larger than a commit should be is done alone.
    expect(await run(numbered("large", { writes: 5_000, bytes: 2 ** 25 }))).toBe(33);
  });
});

describe("each caller gets the answer of its own work:", () => {
  test("work that throws has written nothing", async () => {
    const { numbered, run, stored, counter, who } = setUp();
    const thrown = new Error("of its own");
    const failing = numbered("failing");
    const outcomes = await Promise.allSettled([
      run(numbered("a")),
      run({
        ...failing,
        async apply(transaction) {
          await failing.apply(transaction);
          throw thrown;
        },
      }),
      run(numbered("b")),
    ]);
    expect(
      outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : outcome.reason)),
    ).toEqual([1, thrown, 2]);
    expect(await stored()).toEqual(["a", "b"]);
    expect(await new TypedSlot<number>(store, counter.kind).get(who)).toBe(2);
  });

  test("what the store refuses is refused alone, and the others are not done one by one", async () => {
    const { commits, items, numbered, run, stored, who } = setUp();
    const tooLarge = numbered("large", {
      async apply(transaction) {
        await transaction.set(items.at(who, "large"), "x".repeat(store.limits.maxBytes));
        return 0;
      },
    });
    const works = [
      ...names(40).map((name) => numbered(name)),
      tooLarge,
      ...names(23).map((name) => numbered(`b${name}`)),
    ];
    const outcomes = await Promise.allSettled(works.map((work) => run(work)));
    const refused = outcomes.flatMap((outcome, n) =>
      outcome.status === "rejected" ? [[n, outcome.reason]] : [],
    );
    expect(refused).toEqual([[40, expect.objectContaining({ code: "INVALID_RECORD" })]]);
    expect(outcomes.slice(41).map((outcome) => (outcome as PromiseFulfilledResult<number>).value)).toEqual(
      names(23).map((_, n) => 41 + n),
    );
    expect(await stored()).toHaveLength(63);
    expect(commits.length).toBeLessThan(16);
  });

  test("ids that the store knows are found at once, and a double within a commit is answered like the first", async () => {
    const { commits, items, numbered, run, who } = setUp();
    const once = (id: string, value = 1) => ({
      ...numbered(id, { ids: [id] }),
      async apply(transaction: Transaction) {
        await transaction.create(items.at(who, `${id}-${value}`), value, `${who.tenant}-${id}`);
        return value;
      },
      async recall(transaction: Transaction) {
        const found = await transaction.findByEventId(who, `${who.tenant}-${id}`);
        if (found === undefined) return undefined;
        if (Number(Buffer.from(found.bytes).toString()) === value) return -value;
        throw new StateError("IDEMPOTENCY_CONFLICT", "another value", { details: { change: 0 } });
      },
    });
    await Promise.all(names(30).map((id) => run(once(id))));
    expect(commits).toHaveLength(1);
    const again = await Promise.all([...names(60), "twice", "twice"].map((id) => run(once(id))));
    expect(again).toEqual([...Array(30).fill(-1), ...Array(31).fill(1), -1]);
    expect(commits).toHaveLength(3);
    const mixed = await Promise.allSettled([run(once("n001", 2)), run(once("new"))]);
    expect(mixed).toMatchObject([
      { status: "rejected", reason: { code: "IDEMPOTENCY_CONFLICT" } },
      { status: "fulfilled", value: 1 },
    ]);
  });

  test("of one commit whose outcome is unknown, only work with ids may be done again", async () => {
    const lost = new StateError("OUTCOME_UNKNOWN", "the line broke", { details: {}, retryable: true });
    const { numbered, run } = setUp(() => () => Promise.reject(lost));
    const outcomes = await Promise.allSettled([
      run(numbered("a")),
      run(numbered("b", { repeatable: false })),
    ]);
    expect(outcomes).toMatchObject([
      { reason: { code: "OUTCOME_UNKNOWN", retryable: true } },
      { reason: { code: "OUTCOME_UNKNOWN", retryable: false } },
    ]);
  });

  test("a store that is closed refuses all of them at once", async () => {
    const closed = new StateError("STORE_CLOSED", "closed", { details: {} });
    const { commits, numbered, run } = setUp(() => () => Promise.reject(closed));
    const outcomes = await Promise.allSettled(names(8).map((name) => run(numbered(name))));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: closed });
    expect(commits).toHaveLength(1);
  });
});

describe("an abort", () => {
  test("of work that waits rejects at once, and leaves it out", async () => {
    const release: (() => void)[] = [];
    const { numbered, run, stored } = setUp((commit) => async (...given) => {
      await new Promise<void>((resolve) => release.push(resolve));
      return commit(...given);
    });
    const first = run(numbered("first"));
    while (release.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const controller = new AbortController();
    const waiting = run(numbered("aborted"), controller.signal);
    const behind = run(numbered("behind"));
    controller.abort(new Error("no longer wanted"));
    // Its commit has not even begun.
    await expect(waiting).rejects.toThrow("no longer wanted");
    release.shift()?.();
    await first;
    while (release.length === 0) await new Promise((resolve) => setImmediate(resolve));
    release.shift()?.();
    await behind;
    expect(await stored()).toEqual(["behind", "first"]);
  });

  test("of work whose commit is under way changes nothing: its caller gets the answer", async () => {
    const controller = new AbortController();
    const { numbered, run } = setUp((commit) => (...given) => {
      controller.abort(new Error("too late"));
      return commit(...given);
    });
    expect(await Promise.all([run(numbered("a"), controller.signal), run(numbered("b"))])).toEqual([1, 2]);
    await expect(async () => run(numbered("c"), controller.signal)).rejects.toThrow("too late");
  });

  test("before another attempt leaves the work out of it", async () => {
    const controller = new AbortController();
    let attempts = 0;
    const { counter, numbered, run, stored, who } = setUp((commit) => async (...given) => {
      if (attempts++ === 0) {
        await new TypedSlot<number>(store, counter.kind).set(who, 10);
        controller.abort(new Error("in between"));
      }
      return commit(...given);
    });
    const outcomes = await Promise.allSettled([run(numbered("a"), controller.signal), run(numbered("b"))]);
    expect(outcomes).toMatchObject([{ reason: { message: "in between" } }, { value: 11 }]);
    expect(await stored()).toEqual(["b"]);
  });
});

test("work that is done within its own turn is refused, and so is none that is done after it", async () => {
  const { counter, numbered, observed, run } = setUp();
  await transact(
    observed,
    async () => {
      await expect(async () => run(numbered("inside"))).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field: "work" },
      });
    },
    { turn: counter },
  );
  const nested = numbered("outer", {
    async apply() {
      await expect(async () => run(numbered("inner"))).rejects.toMatchObject({ code: "INVALID_RECORD" });
      return 0;
    },
  });
  expect(await run(nested)).toBe(0);
  expect(await run(numbered("after"))).toBe(1);
});
