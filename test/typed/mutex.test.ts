import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { StateStore } from "../../src/index.js";
import { runExclusive, runTakingTurn } from "../../src/typed/mutex.js";
import { deferred } from "../store/store-rig.js";

const newStore = () => ({}) as StateStore;

/** Whether the lock is free: then the work of the next caller begins before the first await. */
async function isUnlocked(store: StateStore, key: string): Promise<boolean> {
  let begun = false;
  const through = runExclusive(store, key, undefined, async () => {
    begun = true;
  });
  const atOnce = begun;
  await through;
  return atOnce;
}

/** Runs 40 callers. Returns the order in which they began, and the most that ran at the same time. */
async function runFortyCallers(enter: (caller: number, work: () => Promise<number>) => Promise<number>) {
  const began: number[] = [];
  let inside = 0;
  let most = 0;
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, caller) =>
      enter(caller, async () => {
        began.push(caller);
        most = Math.max(most, ++inside);
        await turn();
        inside--;
        return caller;
      }),
    ),
  );
  return { began, most, answers };
}

test("callers run one at a time, in the order of their calls, and get their own answers", async () => {
  const store = newStore();
  const { began, most, answers } = await runFortyCallers((_, work) =>
    runExclusive(store, "k", undefined, work),
  );
  expect(most).toBe(1);
  expect(began).toEqual(answers);
  expect(answers).toEqual(Array.from({ length: 40 }, (_, caller) => caller));
  expect(await isUnlocked(store, "k")).toBe(true);
});

test("without the mutex the same callers run at the same time (control)", async () => {
  expect((await runFortyCallers((_, work) => work())).most).toBe(40);
});

test("other keys and other stores have locks of their own", async () => {
  const store = newStore();
  expect(
    (await runFortyCallers((caller, work) => runExclusive(store, `k${caller}`, undefined, work))).most,
  ).toBe(40);
  expect((await runFortyCallers((_, work) => runExclusive(newStore(), "k", undefined, work))).most).toBe(40);
});

test("an error rejects its caller alone and does not stop the queue", async () => {
  const store = newStore();
  const boom = new Error("boom");
  const outcomes = await Promise.allSettled([
    runExclusive(store, "k", undefined, () => Promise.reject(boom)),
    runExclusive(store, "k", undefined, () => {
      throw boom;
    }),
    runExclusive(store, "k", undefined, async () => "last"),
  ]);
  expect(outcomes).toEqual([
    { status: "rejected", reason: boom },
    { status: "rejected", reason: boom },
    { status: "fulfilled", value: "last" },
  ]);
  expect(await isUnlocked(store, "k")).toBe(true);
});

test("an abort while waiting rejects at once with the reason, and the work never begins", async () => {
  const store = newStore();
  const first = deferred<void>();
  const control = new AbortController();
  const running = runExclusive(store, "k", undefined, () => first.promise);
  let begun = false;
  const waiting = runExclusive(store, "k", control.signal, async () => {
    begun = true;
  });
  const reason = new Error("enough");
  control.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  first.resolve();
  await running;
  await turn();
  expect(begun).toBe(false);
  expect(await isUnlocked(store, "k")).toBe(true);
});

test.each([
  ["the last", 1],
  ["one in the middle", 2],
])("when %s gives up, whoever comes later still waits for the first", async (_, waiters) => {
  const store = newStore();
  const first = deferred<void>();
  const control = new AbortController();
  const began: string[] = [];
  const running = runExclusive(store, "k", undefined, () => first.promise);
  const gone = runExclusive(store, "k", control.signal, async () => began.push("gone"));
  const later = Array.from({ length: waiters - 1 }, () =>
    runExclusive(store, "k", undefined, async () => began.push("behind")),
  );
  control.abort();
  await expect(gone).rejects.toBe(control.signal.reason);
  later.push(runExclusive(store, "k", undefined, async () => began.push("later")));
  await turn();
  expect(began).toEqual([]);
  first.resolve();
  await Promise.all([running, ...later]);
  expect(began).toEqual([...Array(waiters - 1).fill("behind"), "later"]);
  expect(await isUnlocked(store, "k")).toBe(true);
});

test("a signal that was aborted before rejects the caller, and leaves no listener", async () => {
  const store = newStore();
  const first = deferred<void>();
  const running = runExclusive(store, "k", undefined, () => first.promise);
  await expect(runExclusive(store, "k", AbortSignal.abort("before"), async () => {})).rejects.toBe("before");
  const shared = new AbortController();
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on("warning", note);
  const runFortyCallers = Array.from({ length: 50 }, () =>
    runExclusive(store, "k", shared.signal, async () => {}),
  );
  first.resolve();
  await Promise.all([running, ...runFortyCallers]);
  await turn();
  process.off("warning", note);
  expect(warnings).toEqual([]);
});

test("work that waits for a lock it holds, directly or in nested work, is refused instead of hanging", async () => {
  const store = newStore();
  const within = (key: string) => runExclusive(store, key, undefined, async () => "through");
  await expect(runExclusive(store, "a", undefined, () => within("a"))).rejects.toMatchObject({
    code: "INVALID_RECORD",
    details: { field: "work" },
  });
  const nested = () => runExclusive(store, "b", undefined, () => within("a"));
  await expect(runExclusive(store, "a", undefined, nested)).rejects.toMatchObject({
    details: { field: "work" },
  });
  expect(await runExclusive(store, "a", undefined, () => within("b"))).toBe("through");
  expect(
    await runExclusive(store, "a", undefined, () =>
      runExclusive(newStore(), "a", undefined, async () => "other"),
    ),
  ).toBe("other");
  expect(await isUnlocked(store, "a")).toBe(true);
});

test("work may start something that takes the same lock after the work has ended", async () => {
  const store = newStore();
  const gate = deferred<void>();
  let later: Promise<string> | undefined;
  await runExclusive(store, "a", undefined, async () => {
    later = gate.promise.then(() => runExclusive(store, "a", undefined, async () => "later"));
  });
  gate.resolve();
  expect(await later).toBe("later");
});

test("work that is under way waits for a lock that others hold, for one only, and has it until it ends", async () => {
  const store = newStore();
  const gates = { a: deferred<void>(), b: deferred<void>() };
  const holding = [
    runExclusive(store, "a", undefined, () => gates.a.promise),
    runExclusive(store, "b", undefined, () => gates.b.promise),
  ];
  const steps: string[] = [];
  const end = deferred<void>();
  const work = runTakingTurn(store, undefined, async (take) => {
    await take("free");
    steps.push("free");
    await take("a");
    steps.push("a");
    await take("b");
    steps.push("b");
    await expect(runExclusive(store, "a", undefined, async () => {})).rejects.toMatchObject({
      code: "INVALID_RECORD",
    });
    await end.promise;
  });
  await turn();
  expect(steps).toEqual(["free"]);
  gates.a.resolve();
  await turn();
  expect(steps).toEqual(["free", "a", "b"]);
  let next = false;
  const behind = runExclusive(store, "a", undefined, async () => {
    next = true;
  });
  await turn();
  expect(next).toBe(false);
  end.resolve();
  gates.b.resolve();
  await Promise.all([work, behind, ...holding]);
  expect([await isUnlocked(store, "a"), await isUnlocked(store, "b")]).toEqual([true, true]);
});

test("work that takes its turn does not wait for itself, stops waiting when it is aborted, and leaves the lock free", async () => {
  const store = newStore();
  const own = runExclusive(store, "a", undefined, () => runTakingTurn(store, undefined, (take) => take("a")));
  await own;
  const gate = deferred<void>();
  const holding = runExclusive(store, "a", undefined, () => gate.promise);
  const controller = new AbortController();
  const waiting = runTakingTurn(store, controller.signal, (take) => take("a"));
  controller.abort(new RangeError("enough"));
  await expect(waiting).rejects.toThrow("enough");
  gate.resolve();
  await holding;
  await turn();
  expect(await isUnlocked(store, "a")).toBe(true);
});

/** Work on the first lock that begins work on the others, one within the other, as soon as all are ready. */
function nested(store: StateStore, keys: readonly string[], ready: Promise<void>): Promise<string> {
  const [key = "", ...inner] = keys;
  return runExclusive(store, key, undefined, async () => {
    await ready;
    return inner.length === 0 ? "done" : nested(store, inner, ready);
  });
}

test.each([
  ["two", ["ab", "ba"]],
  ["three", ["ab", "bc", "ca"]],
  ["some behind others", ["ab", "b", "ba"]],
])("of %s works that wait for each other one is refused, and the others end", async (_, works) => {
  const store = newStore();
  const gate = deferred<void>();
  const all = works.map((keys) => nested(store, [...keys], gate.promise));
  gate.resolve();
  const outcomes = await Promise.allSettled(all);
  const refused = outcomes.filter(({ status }) => status === "rejected");
  expect(refused).toMatchObject([{ reason: { code: "INVALID_RECORD", details: { field: "work" } } }]);
  for (const key of "abc") expect(await isUnlocked(store, key)).toBe(true);
});

test("works that take several locks in the same order wait for each other", async () => {
  const store = newStore();
  const works = Array.from({ length: 10 }, (_, n) =>
    nested(store, n % 2 ? ["a", "b"] : ["a", "b", "c"], Promise.resolve()),
  );
  const apart = nested(newStore(), ["b", "a"], Promise.resolve());
  expect(new Set(await Promise.all([...works, apart]))).toEqual(new Set(["done"]));
});
