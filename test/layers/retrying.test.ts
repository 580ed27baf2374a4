import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Commit, Driver, Outcome } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import { DIAGNOSTICS } from "../../src/diagnostics/diagnostics.js";
import { type RetryPolicy, type RetryRuntime, retrying } from "../../src/layers/index.js";
import {
  deferred,
  deletes,
  driverWith,
  erases,
  failure,
  IDENTITY,
  saves,
  stored,
  thrown,
  unavailable,
  unknownOutcome,
} from "../store/store-rig.js";

const TIMES = { now: 0, window: 1000 };
const DONE: readonly Outcome[] = [{ is: "applied", existed: [false] }];
const SAVE = saves("1", ["a"]);

/** A layer over a driver whose calls fail one after another, until they succeed. */
function failing<M extends keyof Driver>(
  method: M,
  failures: readonly unknown[],
  policy: RetryPolicy = {},
  runtime: RetryRuntime = noTime(),
) {
  const left = [...failures];
  const call = vi.fn(async () => {
    if (left.length > 0) throw left.shift();
    return method === "apply" ? DONE : undefined;
  });
  const driver = retrying(policy, runtime)(driverWith({ name: "rig", [method]: call }));
  return { driver, call };
}

describe("a failure that passes by itself is retried", () => {
  test.each(["busy", "unreachable"] as const)(
    "UNAVAILABLE, reason %s, by every operation",
    async (reason) => {
      const calls: Record<string, (driver: Driver) => Promise<unknown>> = {
        apply: (driver) => driver.apply([deletes("a")], TIMES),
        read: (driver) => driver.read([stored()]),
        readByEventId: (driver) => driver.readByEventId(IDENTITY, "e1"),
        scan: (driver) => driver.scan({ prefix: "a", limit: 1, maxBytes: 1, reverse: false }),
        sweep: (driver) => driver.sweep(IDENTITY),
      };
      for (const [method, ask] of Object.entries(calls)) {
        const { driver, call } = failing(method as keyof Driver, [unavailable(reason), unavailable(reason)]);
        await ask(driver);
        expect([method, call.mock.calls.length]).toEqual([method, 3]);
      }
    },
  );

  test("but not for a caller that has given up, for whatever reason", async () => {
    const reason = unavailable("busy");
    const { driver, call } = failing("scan", [reason]);
    const query = { prefix: "a", limit: 1, maxBytes: 1, reverse: false };
    await expect(driver.scan(query, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(call.mock.calls.length).toBe(1);
  });

  test("an unknown outcome, if every commit has a save", async () => {
    const { driver, call } = failing("apply", [unknownOutcome()]);
    expect(await driver.apply([SAVE, saves("2", ["b"])], TIMES)).toEqual(DONE);
    expect(call).toHaveBeenCalledTimes(2);
  });

  test("with the arguments of the first attempt, except for the current time", async () => {
    const { driver, call } = failing("apply", [unavailable("busy")]);
    const commits = [SAVE];
    await driver.apply(commits, TIMES);
    expect(call.mock.calls).toEqual([
      [commits, { ...TIMES, deadline: 10_000 }],
      [commits, { ...TIMES, now: 20, deadline: 10_000 }],
    ]);
  });

  test("with one deadline for all attempts: the caller's, or the policy's", async () => {
    const earlier = failing("read", [unavailable("busy")]);
    await earlier.driver.read([], { deadline: 500 });
    const later = failing("read", [unavailable("busy")], { withinMs: 300 });
    await later.driver.read([], { deadline: 500 });
    const own = failing("read", [unavailable("busy")], { withinMs: 300 });
    await own.driver.read([]);
    const deadlines = [earlier, later, own].map(({ call }) =>
      (call.mock.calls as unknown as [unknown, { deadline: number }][]).map(([, limit]) => limit.deadline),
    );
    expect(deadlines).toEqual([
      [500, 500],
      [300, 300],
      [300, 300],
    ]);
  });
});

describe("any other failure is not retried", () => {
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
    [
      "an unknown outcome of an erase",
      "apply",
      unknownOutcome(),
      (driver) => driver.apply([erases()], TIMES),
    ],
    ["the status", "status", unavailable("busy"), (driver) => driver.status()],
  ])("%s", async (_, method, error, ask) => {
    const { driver, call } = failing(method, [error, error]);
    expect(await thrown(ask(driver))).toBe(error);
    expect(call).toHaveBeenCalledTimes(1);
  });
});

describe("retrying ends", () => {
  test("after the attempts, with the last error and their number", async () => {
    const errors = [unavailable("busy"), unavailable("unreachable"), unavailable("busy")];
    const { driver, call } = failing("read", errors, { attempts: 3 });
    const error = await failure(driver.read([]));
    expect(call).toHaveBeenCalledTimes(3);
    expect(error).toMatchObject({
      code: "UNAVAILABLE",
      message: "busy (tried 3 times in 60 ms)",
      details: { reason: "busy", retries: { attempts: 3, milliseconds: 60 } },
      retryable: true,
      cause: errors[2],
    });
  });

  test("with the unknown outcome, once there was one: later attempts that wrote nothing do not settle it", async () => {
    const lost = unknownOutcome();
    const lasts = [
      [unavailable("busy"), 4] as const,
      [unavailable("refused"), 3] as const,
      [new Error("raw"), 3] as const,
    ];
    for (const [last, attempts] of lasts) {
      const { driver } = failing("apply", [unavailable("busy"), lost, last, last], { attempts: 4 });
      expect(await thrown(driver.apply([SAVE], TIMES))).toMatchObject({
        code: "OUTCOME_UNKNOWN",
        cause: lost,
        details: { retries: { attempts } },
      });
    }
  });

  test("with the unknown outcome of a commit that fails by itself at a later attempt", async () => {
    const lost = unknownOutcome();
    const answers: Outcome[] = [
      { is: "failed", error: unavailable("busy") },
      { is: "duplicate" },
      { is: "condition", write: 0, current: null },
    ];
    const apply = vi.fn(async () => answers);
    const driver = retrying({}, noTime())(driverWith({ apply }));
    const batch = [SAVE, saves("2", ["b"]), saves("3", ["c"])];
    expect(await driver.apply(batch, TIMES)).toEqual(answers);
    apply.mockRejectedValueOnce(lost);
    expect(await driver.apply(batch, TIMES)).toEqual([{ is: "failed", error: lost }, answers[1], answers[2]]);
  });

  test("before event ids that may have been saved could be forgotten, with an unknown outcome", async () => {
    const inDoubt = failing("apply", [unknownOutcome(), unavailable("busy"), unavailable("busy")]);
    const window = 2 * (20 + 40);
    expect(await failure(inDoubt.driver.apply([SAVE], { now: 0, window }))).toMatchObject({
      code: "OUTCOME_UNKNOWN",
      details: { retries: { attempts: 3 } },
    });
    const unwritten = failing("apply", [unavailable("busy"), unavailable("busy"), unavailable("busy")]);
    expect(await unwritten.driver.apply([SAVE], { now: 0, window })).toEqual(DONE);
  });

  test("when no time is left for the next pause", async () => {
    const { driver, call } = failing("read", Array(9).fill(unavailable("busy")), {
      withinMs: 50,
      baseMs: 30,
    });
    expect(await failure(driver.read([]))).toMatchObject({ details: { retries: { attempts: 2 } } });
    expect(call).toHaveBeenCalledTimes(2);
  });

  test("at the first attempt if no other is allowed, with the error unchanged", async () => {
    for (const policy of [{ attempts: 1 }, { withinMs: 0 }]) {
      const busy = unavailable("busy");
      const { driver } = failing("read", [busy, busy], policy);
      expect(await thrown(driver.read([]))).toBe(busy);
    }
  });

  test("with the driver's close: pauses end at once, and a call under way is not retried", async () => {
    const close = vi.fn(async () => {});
    const gate = deferred<never>();
    const busy = unavailable("busy");
    const read = vi.fn((slots: unknown) => (slots === PAUSING ? Promise.reject(busy) : gate.promise));
    const PAUSING: never[] = [];
    const driver = retrying({ baseMs: 1_000_000, mostMs: 1_000_000, withinMs: 10_000_000 })(
      driverWith({ close, read }),
    );
    const ends = [driver.read(PAUSING), driver.read([])].map(thrown);
    await driver.close();
    gate.reject(busy);
    expect(await Promise.all(ends)).toEqual([busy, busy]);
    expect([read.mock.calls.length, close.mock.calls.length]).toEqual([2, 1]);
  });
});

test("pauses double up to the longest, spread by the random number", async () => {
  const pauses: number[] = [];
  const sleep = async (ms: number) => pauses.push(ms);
  const policy = { baseMs: 10, mostMs: 25 };
  const { driver } = failing("read", Array(4).fill(unavailable("busy")), policy, { ...noTime(), sleep });
  await driver.read([]);
  expect(pauses).toEqual([10, 20, 25, 25]);

  pauses.length = 0;
  const half = failing("read", Array(4).fill(unavailable("busy")), policy, {
    ...noTime(),
    sleep,
    random: () => 0.5,
  });
  await half.driver.read([]);
  expect(pauses).toEqual([5, 10, 12.5, 12.5]);
});

test("many pauses at the same time cause no leak warning", async () => {
  const warned = vi.fn();
  process.on("warning", warned);
  onTestFinished(() => {
    process.off("warning", warned);
  });
  const busy = Array(50).fill(unavailable("busy"));
  const read = vi.fn(async () => {
    if (busy.length > 0) throw busy.pop();
    return [];
  });
  const driver = retrying({ baseMs: 5 })(driverWith({ read }));
  await Promise.all(Array.from({ length: 50 }, () => driver.read([])));
  await new Promise(setImmediate);
  expect(warned.mock.calls).toEqual([]);
});

test.each<[string, unknown]>([
  ["attempts", { attempts: 0 }],
  ["attempts", { attempts: 1.5 }],
  ["attempts", { attempts: 101 }],
  ["baseMs", { baseMs: -1 }],
  ["mostMs", { mostMs: Number.NaN }],
  ["withinMs", { withinMs: "10" }],
  ["withinMs", { withinMs: undefined }],
  ["options", { retries: 3 }],
  ["options", null],
])("a policy that makes no sense is refused: %s %o", (field, policy) => {
  expect(() => retrying(policy as RetryPolicy)).toThrow(
    expect.objectContaining({ code: "INVALID_RECORD", details: expect.objectContaining({ field }) }),
  );
});

test("each retry publishes an event, of names and numbers only", async () => {
  const events: unknown[] = [];
  const note = (event: unknown) => events.push(event);
  subscribe(DIAGNOSTICS.retry, note);
  onTestFinished(() => {
    unsubscribe(DIAGNOSTICS.retry, note);
  });
  const { driver } = failing("apply", [unavailable("busy"), unknownOutcome()]);
  await driver.apply([SAVE], TIMES);
  expect(events).toEqual([
    { operation: "apply", driver: "rig", attempts: 1, pauseMs: 20, code: "UNAVAILABLE", reason: "busy" },
    { operation: "apply", driver: "rig", attempts: 2, pauseMs: 40, code: "OUTCOME_UNKNOWN" },
  ]);
});

/** A clock that only pauses advance, and pauses of the greatest length. */
function noTime(): RetryRuntime {
  let now = 0;
  return {
    now: () => now,
    sleep: async (ms) => {
      now += ms;
    },
    random: () => 1,
  };
}
