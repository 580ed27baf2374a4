import { describe, expect, test } from "vitest";
import { isStateError } from "../../src/index.js";
import type { HeldLease } from "../../src/runs/lease.js";
import { RUN_TRANSITIONS, type RunBudget, type RunStatus } from "../../src/runs/run.js";
import { MAX_LEASE_MS, MAX_UNTIL_MS } from "../../src/runs/stored-lease.js";
import { newRun, type RunState, STATE_CODEC } from "../../src/runs/stored-run.js";
import {
  addStepUsage,
  claim,
  countStep,
  end,
  pause,
  type RunTransition,
  release,
  renew,
  requireLease,
  resume,
} from "../../src/runs/transitions.js";

const START = Date.UTC(2026, 0, 1);
const LEASE_MS = 30_000;
const key = { identity: { tenant: "t", user: "u", session: "s" }, id: "r" };
const held: HeldLease = { key, worker: "w", fence: 1, leaseId: "lease-1" };
const other: HeldLease = { key, worker: "v", fence: 2, leaseId: "lease-2" };

function apply(state: RunState, transition: RunTransition, now = START, budget?: RunBudget): RunState {
  const content = budget === undefined ? {} : { budget };
  return transition(state, { now, status: state.status, content });
}

const claimed = claim({ worker: "w", leaseMs: LEASE_MS, leaseId: "lease-1", token: "token-1" });
const NEW_STEP = { newSteps: 1, isLast: false } as const;
const claimedAgain = claim({ worker: "v", leaseMs: LEASE_MS, leaseId: "lease-2" });

/** All states of a run, as the transitions that lead there. `overdue`: its lease has passed. */
const STATES = {
  pending: [],
  running: [claimed],
  overdue: [claimed],
  "taken over": [claimed, claimedAgain],
  released: [claimed, release(held)],
  paused: [pause({})],
  completed: [claimed, end({ status: "completed", token: "lease-1" }, held)],
  failed: [claimed, end({ status: "failed", error: "no", token: "lease-1" }, held)],
  cancelled: [end({ status: "cancelled" })],
  halted: [end({ status: "halted", reason: "stop" })],
} as const satisfies Record<string, readonly RunTransition[]>;

type State = keyof typeof STATES;

const ACTIONS = {
  claim: claim({ worker: "x", leaseMs: LEASE_MS, leaseId: "lease-x" }),
  renew: renew(held, LEASE_MS),
  release: release(held),
  complete: end({ status: "completed", result: 1, token: "lease-1" }, held),
  fail: end({ status: "failed", error: "it broke", token: "lease-1" }, held),
  cancel: end({ status: "cancelled", by: "ann" }),
  halt: end({ status: "halted", reason: "enough" }),
  pause: pause({ by: "ann" }),
  resume: resume({ by: "ann" }),
  step: addStepUsage(held, { tokens: 1, cost: 1n, loops: 1 }, NEW_STEP),
};

type Action = keyof typeof ACTIONS;

const OUTCOMES: Record<State, Record<Action, string>> = {
  pending: row("running", "FENCED", "cancelled", "halted", "paused", "WRONG_STATUS"),
  running: {
    ...row("LEASE_HELD", "running", "cancelled", "halted", "paused", "WRONG_STATUS"),
    release: "pending",
    complete: "completed",
    fail: "failed",
  },
  // The worker whose lease has passed goes on until another takes over.
  overdue: {
    ...row("running", "running", "cancelled", "halted", "paused", "WRONG_STATUS"),
    release: "pending",
    complete: "completed",
    fail: "failed",
  },
  "taken over": row("LEASE_HELD", "FENCED", "cancelled", "halted", "paused", "WRONG_STATUS"),
  released: {
    ...row("running", "FENCED", "cancelled", "halted", "paused", "WRONG_STATUS"),
    // The same call again.
    release: "pending",
  },
  paused: row("WRONG_STATUS", "FENCED", "cancelled", "halted", "WRONG_STATUS", "pending"),
  completed: final(),
  failed: final(),
  cancelled: final(),
  halted: final(),
};

function row(claim: string, byLease: string, cancel: string, halt: string, pause: string, resume: string) {
  const lease = { renew: byLease, release: byLease, complete: byLease, fail: byLease, step: byLease };
  return { claim, cancel, halt, pause, resume, ...lease };
}

function final() {
  return row("WRONG_STATUS", "FENCED", "WRONG_STATUS", "WRONG_STATUS", "WRONG_STATUS", "WRONG_STATUS");
}

function inState(name: State): { readonly state: RunState; readonly now: number } {
  let now = START;
  let state = newRun(START);
  for (const transition of STATES[name]) {
    state = apply(state, transition, now);
    now += LEASE_MS;
  }
  return { state, now: name === "overdue" ? now : now - LEASE_MS };
}

describe.each(Object.keys(STATES) as State[])("%s", (name) => {
  test.each(Object.keys(ACTIONS) as Action[])("%s", async (action) => {
    const { state, now } = inState(name);
    let outcome: string;
    try {
      const after = apply(state, ACTIONS[action], now);
      outcome = after.status;
      const allowed: readonly RunStatus[] = RUN_TRANSITIONS[state.status];
      if (after !== state) expect(allowed).toContain(after.status);
      // It fits together: it can be stored and read.
      expect(await STATE_CODEC.decode(await STATE_CODEC.encode(after), STATE_CODEC.version)).toEqual(after);
    } catch (error) {
      outcome = isStateError(error) ? error.code : String(error);
    }
    expect(outcome).toBe(OUTCOMES[name][action]);
  });
});

test("each lease has the next number, and those before it hold no longer", () => {
  const first = apply(newRun(START), claimed);
  expect(first).toMatchObject({ fence: 1, lease: { worker: "w", leaseId: "lease-1" } });
  const second = apply(first, claimedAgain, START + LEASE_MS);
  expect(second).toMatchObject({ fence: 2, lease: { worker: "v", leaseId: "lease-2" } });
  expect(() => apply(second, requireLease(held))).toThrow(expect.objectContaining({ code: "FENCED" }));
  expect(apply(second, requireLease(other))).toBe(second);
  const back = apply(second, release(other), START + LEASE_MS);
  expect(apply(back, claimed, START + LEASE_MS).fence).toBe(3);
});

test.each([
  ["worker", { ...held, worker: "v" }],
  ["number", { ...held, fence: 2 }],
  ["lease", { ...held, leaseId: "lease-9" }],
])("a lease of another %s is none", (_, lease) => {
  const state = apply(newRun(START), claimed);
  expect(() => apply(state, requireLease(lease))).toThrow(expect.objectContaining({ code: "FENCED" }));
});

test("a claim with its token gets its lease again, as long as that holds", () => {
  const first = apply(newRun(START), claimed);
  expect(apply(first, claimed, START + 1)).toBe(first);
  expect(apply(first, claimed, START + LEASE_MS)).toBe(first);
  const second = apply(first, claimedAgain, START + LEASE_MS);
  expect(() => apply(second, claimed, START + LEASE_MS)).toThrow(
    expect.objectContaining({ code: "LEASE_HELD" }),
  );
});

test.each([
  ["at its end", LEASE_MS, true],
  ["just before its end", LEASE_MS - 1, false],
  ["by a clock that is behind", LEASE_MS - MAX_UNTIL_MS, false],
  ["by a clock that is so far behind that one of the two is wrong", LEASE_MS - MAX_UNTIL_MS - 1, true],
])("a lease can be taken over %s", (_, after, can) => {
  const state = apply(newRun(START), claimed);
  const takeOver = () => apply(state, claimedAgain, START + after);
  if (can) expect(takeOver().fence).toBe(2);
  else expect(takeOver).toThrow(expect.objectContaining({ code: "LEASE_HELD" }));
});

test("the longest lease holds against a clock that is a little behind", () => {
  const state = apply(newRun(START), claim({ worker: "w", leaseMs: MAX_LEASE_MS, leaseId: "lease-1" }));
  expect(() => apply(state, claimedAgain, START - 1)).toThrow(
    expect.objectContaining({ code: "LEASE_HELD" }),
  );
});

test("a call that comes again gets the same answer, and another one is refused", () => {
  const done = apply(apply(newRun(START), claimed), ACTIONS.complete);
  expect(apply(done, ACTIONS.complete, START + 5)).toBe(done);
  const otherResult = end({ status: "completed", result: 2, token: "lease-1" }, held);
  expect(() => apply(done, otherResult)).toThrow(expect.objectContaining({ code: "FENCED" }));
  const stop = end({ status: "cancelled", token: "t1" });
  const cancelled = apply(newRun(START), stop);
  expect(apply(cancelled, stop, START + 5)).toBe(cancelled);
  expect(() => apply(cancelled, end({ status: "cancelled", token: "t2" }))).toThrow(
    expect.objectContaining({ code: "WRONG_STATUS" }),
  );
  const paused = apply(newRun(START), pause({ token: "t3" }));
  expect(apply(paused, pause({ token: "t3" }), START + 5)).toBe(paused);
  const resumed = apply(paused, resume({ token: "t4" }));
  expect(apply(resumed, resume({ token: "t4" }), START + 5)).toBe(resumed);
  const running = apply(resumed, claimed);
  expect(apply(running, resume({ token: "t4" }), START + 5)).toBe(running);
  // A call whose answer was lost comes again when others have acted on it.
  expect(apply(running, pause({ token: "t3" }), START + 5)).toBe(running);
  const pausedAgain = apply(running, pause({ token: "t5" }));
  expect(apply(pausedAgain, resume({ token: "t4" }), START + 5)).toBe(pausedAgain);
  const over = apply(pausedAgain, stop);
  expect(apply(over, pause({ token: "t5" }), START + 5)).toBe(over);
});

describe("a budget", () => {
  const used = (tokens: number, cost = 0n, loops = 0) =>
    addStepUsage(held, { tokens, cost, loops }, NEW_STEP);

  test.each<[string, RunBudget, RunTransition, string | undefined]>([
    ["tokens below", { tokens: 10 }, used(9), undefined],
    ["tokens reached", { tokens: 10 }, used(10), "tokens"],
    ["tokens passed", { tokens: 10 }, used(11), "tokens"],
    ["cost below by the smallest unit", { cost: "0.000000000002" }, used(0, 1n), undefined],
    ["cost reached", { cost: "0.000000000002" }, used(0, 2n), "cost"],
    ["loops below", { loops: 2 }, used(0, 0n, 1), undefined],
    ["loops reached", { loops: 2 }, used(0, 0n, 2), "loops"],
    ["none of many", { tokens: 10, cost: "1", loops: 2, seconds: 60 }, used(1, 1n, 1), undefined],
    ["no limit", {}, used(Number.MAX_SAFE_INTEGER, 10n ** 20n, 5), undefined],
  ])("%s", (_, budget, transition, limit) => {
    const state = apply(apply(newRun(START), claimed, START, budget), transition, START, budget);
    expect(state.status).toBe(limit === undefined ? "running" : "halted");
    expect(state.end?.limit).toBe(limit);
    if (limit !== undefined) expect(state.end?.reason).toBe(`the budget of ${limit} is used up`);
  });

  test("of seconds counts the time during which the run is running", () => {
    const budget = { seconds: 10 };
    let state = apply(newRun(START), claimed, START + 60_000, budget);
    state = apply(state, used(1), START + 65_000, budget);
    expect(state).toMatchObject({ status: "running", runningMs: 5000 });
    state = apply(state, pause({}, held), START + 66_000, budget);
    state = apply(state, resume({}), START + 160_000, budget);
    expect(state.runningMs).toBe(6000);
    state = apply(state, claimed, START + 200_000, budget);
    const again = { ...held, fence: 2 };
    state = apply(state, renew(again, LEASE_MS), START + 203_999, budget);
    expect(state).toMatchObject({ status: "running", runningMs: 9999 });
    state = apply(state, renew(again, LEASE_MS), START + 204_000, budget);
    expect(state).toMatchObject({ status: "halted", end: { limit: "seconds" } });
  });

  test("of seconds counts no time after the lease of a worker that was killed", () => {
    const budget = { seconds: 60 };
    let state = apply(newRun(START), claimed, START, budget);
    state = apply(state, claimedAgain, START + 3_600_000, budget);
    expect(state).toMatchObject({ status: "running", runningMs: LEASE_MS });
    state = apply(state, ACTIONS.claim, START + 7_200_000, budget);
    expect(state).toMatchObject({ status: "halted", end: { limit: "seconds" } });
    expect(state.lease).toBeUndefined();
  });

  test("of seconds takes no time from a clock that was set back", () => {
    const budget = { seconds: 60 };
    let state = apply(newRun(START), claimed, START, budget);
    state = apply(state, countStep(held), START - 3_600_000, budget);
    expect(state).toMatchObject({ status: "running", runningMs: 0, steps: 1 });
    state = apply(state, used(1), START - 3_599_000, budget);
    expect(state).toMatchObject({ status: "running", runningMs: 1000, steps: 2 });
  });

  test("is added up exactly, and a sum that would not be exact is refused", () => {
    let state = apply(newRun(START), claimed);
    for (let n = 0; n < 10; n++) state = apply(state, used(1, 100_000_000_000n, 1));
    expect(state.usage).toEqual({ tokens: 10, cost: 10n ** 12n, loops: 10 });
    expect(() => apply(state, used(Number.MAX_SAFE_INTEGER))).toThrow(
      expect.objectContaining({
        code: "INVALID_RECORD",
        details: expect.objectContaining({ field: "tokens" }),
      }),
    );
  });
});
