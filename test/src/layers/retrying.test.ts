import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Commit, Driver, Outcome } from "../../../src/driver.js";
import { StateError } from "../../../src/errors.js";
import { type RetryPolicy, retrying } from "../../../src/layers/retrying.js";
import { byHand, deletes, driverWith, saves, stored, thrown, unavailable, unknownOutcome } from "../rig.js";

const TIMES = { now: 0, window: 1 };
const DONE: readonly Outcome[] = [{ is: "applied", existed: [false] }];
const SAVE = saves("1", ["a"]);

/** A layer that waits no time at all, over a driver whose calls fail one after another, until they succeed. */
function failing<M extends keyof Driver>(method: M, failures: readonly unknown[], policy: RetryPolicy = {}) {
  const left = [...failures];
  const call = vi.fn(async () => {
    if (left.length > 0) throw left.shift();
    return method === "apply" ? DONE : undefined;
  });
  const driver = retrying({ random: () => 0, ...policy })(driverWith({ [method]: call }));
  return { driver, call };
}

describe("what passes by itself is tried again", () => {
  test.each(["busy", "unreachable"] as const)(
    "UNAVAILABLE, reason %s, by every operation",
    async (reason) => {
      const calls: Record<string, (driver: Driver) => Promise<unknown>> = {
        apply: (driver) => driver.apply([deletes("a")], TIMES),
        read: (driver) => driver.read([stored()]),
        readByEventId: (driver) => driver.readByEventId("acme", "e1"),
        scan: (driver) => driver.scan({ prefix: "a", limit: 1, maxBytes: 1, reverse: false }),
        erase: (driver) => driver.erase("acme", "ann", "s1"),
      };
      for (const [method, ask] of Object.entries(calls)) {
        const { driver, call } = failing(method as keyof Driver, [unavailable(reason), unavailable(reason)]);
        await ask(driver);
        expect([method, call.mock.calls.length]).toEqual([method, 3]);
      }
    },
  );

  test("an unknown outcome, where every commit has a save", async () => {
    const { driver, call } = failing("apply", [unknownOutcome()]);
    expect(await driver.apply([SAVE, saves("2", ["b"])], TIMES)).toEqual(DONE);
    expect(call).toHaveBeenCalledTimes(2);
  });

  test("with the arguments of the first try", async () => {
    const { driver, call } = failing("apply", [unavailable("busy")]);
    const commits = [SAVE];
    await driver.apply(commits, TIMES);
    expect(call.mock.calls).toEqual([
      [commits, TIMES],
      [commits, TIMES],
    ]);
  });
});

describe("what does not is not", () => {
  const onlyDeletes: readonly Commit[] = [SAVE, deletes("b")];
  test.each<[string, keyof Driver, unknown, (driver: Driver) => Promise<unknown>]>([
    ["a refusal", "apply", unavailable("refused"), (driver) => driver.apply([SAVE], TIMES)],
    ["what a person has to mend", "read", unavailable("setup"), (driver) => driver.read([])],
    ["damage", "read", new StateError("CORRUPT", "bad", { details: {} }), (driver) => driver.read([])],
    ["a raw error", "apply", new Error("raw"), (driver) => driver.apply([SAVE], TIMES)],
    [
      "an unknown outcome of a delete",
      "apply",
      unknownOutcome(),
      (driver) => driver.apply(onlyDeletes, TIMES),
    ],
    ["an unknown outcome of an erase", "erase", unknownOutcome(), (driver) => driver.erase("t", "u", "s")],
    ["the status", "status", unavailable("busy"), (driver) => driver.status()],
  ])("%s", async (_, method, error, ask) => {
    const { driver, call } = failing(method, [error, error]);
    expect(await thrown(ask(driver))).toBe(error);
    expect(call).toHaveBeenCalledTimes(1);
  });
});

describe("it ends", () => {
  test("after the attempts, with the last error", async () => {
    const errors = [unavailable("busy"), unavailable("unreachable"), unavailable("busy")];
    const { driver, call } = failing("read", errors, { attempts: 3 });
    expect(await thrown(driver.read([]))).toBe(errors[2]);
    expect(call).toHaveBeenCalledTimes(3);
  });

  test("with the unknown outcome, once there was one: later tries that wrote nothing do not settle it", async () => {
    const lost = unknownOutcome();
    for (const last of [unavailable("busy"), unavailable("refused"), new Error("raw")]) {
      const { driver } = failing("apply", [unavailable("busy"), lost, last, last], { attempts: 4 });
      expect(await thrown(driver.apply([SAVE], TIMES))).toBe(lost);
    }
  });

  test("with the unknown outcome of a commit that fails by itself at a later try", async () => {
    const lost = unknownOutcome();
    const answers: Outcome[] = [
      { is: "failed", error: unavailable("busy") },
      { is: "duplicate" },
      { is: "condition", write: 0, current: null },
    ];
    const apply = vi.fn(async () => answers);
    const driver = retrying({ random: () => 0 })(driverWith({ apply }));
    const batch = [SAVE, saves("2", ["b"]), saves("3", ["c"])];
    expect(await driver.apply(batch, TIMES)).toEqual(answers);
    apply.mockRejectedValueOnce(lost);
    expect(await driver.apply(batch, TIMES)).toEqual([{ is: "failed", error: lost }, answers[1], answers[2]]);
  });

  test("when no time is left for the next pause", async () => {
    const { driver, call } = failing("read", Array(9).fill(unavailable("busy")), {
      withinMs: 50,
      baseMs: 1_000_000,
      mostMs: 1_000_000,
      random: () => 1,
    });
    await thrown(driver.read([]));
    expect(call).toHaveBeenCalledTimes(1);
  });

  test("with the driver's close: pauses end at once, and what is under way is not tried again", async () => {
    const close = vi.fn(async () => {});
    const gate = byHand<never>();
    const busy = unavailable("busy");
    const read = vi.fn((slots: unknown) => (slots === PAUSING ? Promise.reject(busy) : gate.promise));
    const PAUSING: never[] = [];
    const driver = retrying({ baseMs: 1_000_000, mostMs: 1_000_000, withinMs: 10_000_000, random: () => 1 })(
      driverWith({ close, read }),
    );
    const ends = [driver.read(PAUSING), driver.read([])].map(thrown);
    await driver.close();
    gate.reject(busy);
    expect(await Promise.all(ends)).toEqual([busy, busy]);
    expect([read.mock.calls.length, close.mock.calls.length]).toEqual([2, 1]);
  });
});

test("many pauses at the same time are no leak", async () => {
  const warned = vi.fn();
  process.on("warning", warned);
  onTestFinished(() => {
    process.off("warning", warned);
  });
  const { driver } = failing("read", Array(50).fill(unavailable("busy")), { random: () => 1 });
  await Promise.all(Array.from({ length: 50 }, () => driver.read([])));
  await new Promise(setImmediate);
  expect(warned.mock.calls).toEqual([]);
});

test("pauses double up to the longest, spread by the random number", async () => {
  const random = vi.fn(() => 0);
  const { driver } = failing("read", Array(4).fill(unavailable("busy")), { random });
  await driver.read([]);
  expect(random).toHaveBeenCalledTimes(4);

  const started = performance.now();
  const slow = failing("read", Array(4).fill(unavailable("busy")), {
    baseMs: 10,
    mostMs: 25,
    random: () => 1,
  });
  await slow.driver.read([]);
  // 10 + 20 + 25 + 25, and timers may fire a little early.
  expect(performance.now() - started).toBeGreaterThan(70);
});
