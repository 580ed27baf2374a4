import { describe, expect, test } from "vitest";
import { newEventId, openStore, userIdentity } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { createRuns } from "../../src/runs/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { type Codec, json, together } from "../../src/typed/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { drain, held, LEASE_MS, TestClock } from "./states.js";

onEveryStore((opened) => {
  function gate() {
    const clock = new TestClock();
    const runs = createRuns(opened.store, { clock: clock.now });
    return { clock, runs, who: newSession() };
  }

  test("work runs once, and what it returned is kept for the next worker", async () => {
    const { runs, who, clock } = gate();
    const { lease } = await held(runs, who, "a");
    let ran = 0;
    const work = () => ({ n: ++ran, left: undefined });
    // As it is read later: without what JSON does not carry.
    expect(await runs.step(lease, "k", work)).toEqual({ n: 1 });
    expect(await runs.step(lease, "k", work)).toEqual({ n: 1 });
    expect(await Promise.all([1, 2, 3].map(() => runs.step(lease, "k2", () => ++ran)))).toEqual([2, 2, 2]);
    expect(await runs.step(lease, "nothing", () => void ran++)).toBeUndefined();
    expect(await runs.step(lease, "nothing", () => void ran++)).toBeUndefined();
    clock.pass(LEASE_MS);
    const { lease: next } = await runs.claim(who, "a", { worker: "w2", leaseMs: LEASE_MS });
    expect(await runs.step(next, "k", work)).toEqual({ n: 1 });
    expect(ran).toBe(3);
    expect(await runs.stepResult(who, "a", "k")).toEqual({ n: 1 });
    expect(await runs.stepResult(who, "a", "nothing")).toBeUndefined();
    await expect(runs.stepResult(who, "a", "other")).rejects.toMatchObject({ code: "NOT_FOUND" });
    const { steps } = await runs.steps(who, "a");
    expect(steps.map(({ key, number, attempts, fence }) => [key, number, attempts, fence])).toEqual([
      ["k", 1, 1, 1],
      ["k2", 2, 1, 1],
      ["nothing", 3, 1, 1],
    ]);
  });

  test("a result is stored by its codec, and read with its upgrades", async () => {
    const { runs, who } = gate();
    const { lease } = await held(runs, who, "a");
    expect(await runs.step(lease, "k", () => "old")).toBe("old");
    const codec = json<{ text: string }>({ version: 1, upgrades: { 0: (text: string) => ({ text }) } });
    const refuse = () => Promise.reject(new Error("it is kept"));
    expect(await runs.step(lease, "k", refuse, { codec })).toEqual({ text: "old" });
    const bytes: Codec<Uint8Array> = { version: 0, encode: (value) => value, decode: (value) => value };
    const made = await runs.step(lease, "b", () => Buffer.from([0, 255]), { codec: bytes });
    expect([...made]).toEqual([0, 255]);
    expect([...((await runs.stepResult(who, "a", "b", { codec: bytes })) ?? [])]).toEqual([0, 255]);
  });

  test("the result, the usage and what the work adds are one commit", async () => {
    const { runs, who, clock } = gate();
    const sessions = createSessions(opened.store);
    const ledger = createLedger(opened.store);
    await sessions.create(who);
    const { lease } = await held(runs, who, "a");
    const step = (key: string, fails: boolean) =>
      runs.step<string>(lease, key, (step) => {
        step.use({ tokens: 7, cost: "0.1" });
        step.use({ tokens: 3, cost: "0.2" });
        step.together((unit) => sessions.in(unit).append(who, { id: key, value: key }));
        step.together(async (unit) => {
          await ledger.in(unit).record(who, { eventId: key, provider: "p", model: "m", cost: "0.3" });
          if (fails) throw new RangeError("not this one");
        });
        return key;
      });
    const read = async () => ({
      events: (await sessions.read(who)).map(({ value }) => value),
      cost: (await ledger.totals(who)).cost,
      usage: (await runs.get(who, "a")).usage,
      steps: (await runs.steps(who, "a")).steps.length,
    });
    expect(await step("k", false)).toBe("k");
    const kept = { events: ["k"], cost: "0.3", steps: 1 };
    expect(await read()).toMatchObject({ ...kept, usage: { tokens: 10, cost: "0.3", loops: 1, steps: 1 } });
    await expect(step("k2", true)).rejects.toThrow(new RangeError("not this one"));
    expect(await read()).toMatchObject(kept);
    // Taken over while the work is under way.
    await expect(
      runs.step(lease, "k3", async (step) => {
        step.together((unit) => sessions.in(unit).append(who, { id: "k3", value: "k3" }));
        clock.pass(LEASE_MS);
        await runs.claim(who, "a", { worker: "w2", leaseMs: LEASE_MS });
        return "k3";
      }),
    ).rejects.toMatchObject({ code: "FENCED" });
    expect(await read()).toMatchObject(kept);
  });

  test("what the work throws is passed on, nothing is kept, and the step can be done again", async () => {
    const { runs, who } = gate();
    const { lease } = await held(runs, who, "a");
    const failure = new RangeError("it broke");
    await expect(runs.step(lease, "k", () => Promise.reject(failure))).rejects.toBe(failure);
    expect(await runs.steps(who, "a")).toEqual({ steps: [] });
    expect(await runs.step(lease, "k", () => 1)).toBe(1);
  });

  test("what outlives its work is refused", async () => {
    const { runs, who } = gate();
    const { lease } = await held(runs, who, "a");
    let late: (() => void)[] = [];
    await runs.step(lease, "k", (step) => {
      late = [() => step.use({ tokens: 1 }), () => step.together(() => {})];
    });
    for (const call of late) expect(call).toThrow(expect.objectContaining({ code: "INVALID_RECORD" }));
  });

  test("a step is begun and finished in two calls, each of which may come again", async () => {
    const { runs, who, clock } = gate();
    const { lease } = await held(runs, who, "a");
    const begun = await runs.beginStep(lease, "k", { name: "n", metadata: { m: 1 } });
    expect(begun).toMatchObject({ key: "k", number: 1, status: "running", attempts: 1, name: "n" });
    clock.pass(10);
    expect(await runs.beginStep(lease, "k", { name: "n", metadata: { m: 1 } })).toEqual(begun);
    await expect(runs.finishStep(lease, "other")).rejects.toMatchObject({ code: "NOT_FOUND" });
    const end = { usage: { tokens: 5, cost: "0.25" }, result: { r: 1 } };
    const finished = await runs.finishStep(lease, "k", end);
    expect(finished.step).toMatchObject({ status: "finished", usage: { tokens: 5, cost: "0.25", loops: 1 } });
    clock.pass(10);
    expect(await runs.finishStep(lease, "k", end)).toEqual(finished);
    for (const otherEnd of [{}, { ...end, result: 2 }, { ...end, usage: { tokens: 6 } }, { error: "no" }])
      await expect(runs.finishStep(lease, "k", otherEnd)).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
    expect(await runs.beginStep(lease, "k")).toEqual(finished.step);
    expect((await runs.get(who, "a")).usage).toMatchObject({ tokens: 5, cost: "0.25", loops: 1, steps: 1 });
    expect(await runs.step(lease, "k", () => Promise.reject(new Error("it is kept")))).toEqual({ r: 1 });
  });

  test("a failed attempt counts, and the step is begun again", async () => {
    const { runs, who, clock } = gate();
    const { lease } = await held(runs, who, "a");
    await runs.beginStep(lease, "k");
    await runs.finishStep(lease, "k", { error: "it broke", usage: { tokens: 5 } });
    expect(await runs.beginStep(lease, "k")).toMatchObject({ number: 1, attempts: 2, status: "running" });
    clock.pass(LEASE_MS);
    const { lease: next } = await runs.claim(who, "a", { worker: "w2", leaseMs: LEASE_MS });
    expect(await runs.beginStep(next, "k")).toMatchObject({ attempts: 3, worker: "w2", fence: 2 });
    const { run } = await runs.finishStep(next, "k", { usage: { tokens: 6, loops: 0 } });
    expect(run.usage).toMatchObject({ tokens: 11, loops: 1, steps: 1 });
    expect((await runs.steps(who, "a")).steps).toMatchObject([{ usage: { tokens: 11, loops: 1 } }]);
  });

  describe("a budget that is used up halts the run in the commit of the step", () => {
    test.each([
      ["tokens", { tokens: 100 }],
      ["cost", { cost: "0.5" }],
      ["loops", { loops: 2 }],
      ["seconds", { seconds: 20 }],
    ])("%s", async (limit, budget) => {
      const { runs, who, clock } = gate();
      const { lease } = await held(runs, who, "a", { budget });
      const step = (key: string) =>
        runs.step<number>(lease, key, (step) => {
          step.use({ tokens: 50, cost: "0.25" });
          clock.pass(10_000);
          return 1;
        });
      await step("one");
      expect((await runs.get(who, "a")).status).toBe("running");
      expect(await step("two")).toBe(1);
      const run = await runs.get(who, "a");
      expect(run).toMatchObject({
        status: "halted",
        usage: { tokens: 100, cost: "0.5", loops: 2, seconds: 20 },
      });
      expect(run.outcome).toEqual({
        limit,
        reason: `the budget of ${limit} is used up`,
        at: expect.any(Date),
      });
      expect((await runs.steps(who, "a")).steps).toHaveLength(2);
      await expect(step("three")).rejects.toMatchObject({ code: "FENCED", details: { status: "halted" } });
    });
  });

  describe("the step that ends the work completes the run in its own commit, also where it uses up the budget", () => {
    const budget = { loops: 1, tokens: 10, cost: "0.5", seconds: 5 };
    const usage = { tokens: 10, cost: "0.5" };

    test("with `step`", async () => {
      const { runs, who, clock } = gate();
      const { lease } = await held(runs, who, "a", { budget });
      const last = () =>
        runs.keepStep<string>(lease, "last", (step) => {
          clock.pass(5000);
          step.use(usage);
          step.complete({ result: { text: "done" }, by: "w1" });
          return "done";
        });
      expect(await last()).toEqual({ result: "done", ran: true });
      const run = await runs.get(who, "a");
      expect(run).toMatchObject({ status: "completed", usage: { ...usage, loops: 1, seconds: 5, steps: 1 } });
      expect(run.outcome).toMatchObject({ result: { text: "done" }, by: "w1" });
      // The same call again gets the same answer; other work is FENCED.
      expect(await last()).toEqual({ result: "done", ran: false });
      await expect(runs.step(lease, "more", () => 1)).rejects.toMatchObject({ code: "FENCED" });
    });

    test("with `finishStep`", async () => {
      const { runs, who } = gate();
      const { lease } = await held(runs, who, "a", { budget });
      await runs.beginStep(lease, "last");
      const last = (complete: object) => runs.finishStep(lease, "last", { usage, result: 1, complete });
      const made = await last({ result: 2 });
      expect(made).toMatchObject({ step: { status: "finished" }, run: { status: "completed" } });
      expect(await last({ result: 2 })).toEqual(made);
      await expect(last({ result: 3 })).rejects.toMatchObject({ code: "FENCED" });
      expect((await runs.get(who, "a")).outcome?.result).toBe(2);
    });

    test("all or nothing, and not with a lease that holds no longer", async () => {
      const { runs, who, clock } = gate();
      const sessions = createSessions(opened.store);
      await sessions.create(who);
      const { lease } = await held(runs, who, "a", { budget });
      const last = (part: () => unknown) =>
        runs.step(lease, "last", (step) => {
          step.complete();
          step.together((unit) => sessions.in(unit).append(who, { value: "done" }));
          step.together(part);
        });
      const failure = new RangeError("not yet");
      await expect(last(() => Promise.reject(failure))).rejects.toBe(failure);
      const bad = runs.step(lease, "last", (step) => step.complete({ result: (() => 1) as never }));
      await expect(bad).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field: "result" } });
      expect((await runs.get(who, "a")).status).toBe("running");
      clock.pass(LEASE_MS);
      await runs.claim(who, "a", { worker: "w2", leaseMs: LEASE_MS }).catch(() => {});
      await expect(last(() => {})).rejects.toMatchObject({ code: "FENCED" });
      expect(await sessions.read(who)).toEqual([]);
    });
  });

  test("all steps are read in their order, page by page, and whether the work ran is told", async () => {
    const { runs, who } = gate();
    const { lease } = await held(runs, who, "a");
    expect(await runs.keepStep(lease, "k0", () => 0)).toEqual({ result: 0, ran: true });
    expect(await runs.keepStep(lease, "k0", () => 1)).toEqual({ result: 0, ran: false });
    await together(opened.store, async (unit) => {
      for (let n = 1; n < 1003; n++) await runs.in(unit).beginStep(lease, `k${n}`);
    });
    const keys: string[] = [];
    for await (const { key } of runs.allSteps(who, "a")) keys.push(key);
    expect(keys).toEqual(Array.from({ length: 1003 }, (_, n) => `k${n}`));
    const { found } = await drain(runs.allSteps(who, "a", { after: 1001 }));
    expect(found.map(({ key }) => key)).toEqual(["k1001", "k1002"]);
    expect((await drain(runs.allSteps(who, "b"))).thrown).toMatchObject({ code: "NOT_FOUND" });
  });

  test("the sums stay exact, whatever is added", async () => {
    const { runs, who } = gate();
    const { lease } = await held(runs, who, "a");
    for (let n = 0; n < 10; n++)
      await runs.step(lease, `k${n}`, (step) => step.use({ cost: "0.1", loops: 0 }));
    expect((await runs.get(who, "a")).usage).toMatchObject({ cost: "1", loops: 0, steps: 10 });
  });

  test("steps that are finished together are all counted, and have all numbers", async () => {
    const { runs, who } = gate();
    const { lease } = await held(runs, who, "a");
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => runs.step(lease, `k${n}`, (step) => step.use({ tokens: n }))),
    );
    expect((await runs.get(who, "a")).usage).toMatchObject({ tokens: 190, loops: 20, steps: 20 });
    const first = await runs.steps(who, "a", { limit: 12 });
    const rest = await runs.steps(who, "a", { after: first.next });
    const numbers = [...first.steps, ...rest.steps].map(({ number }) => number);
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    expect(rest.next).toBeUndefined();
    await expect(runs.steps(who, "b")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("a unit starts, claims, steps and completes a run, all or nothing", async () => {
    const { runs, who } = gate();
    const whole = (fails: boolean) =>
      together(opened.store, async (unit) => {
        const part = runs.in(unit);
        await part.start(who, { id: "a" });
        const { lease } = await part.claim(who, "a", { worker: "w", leaseMs: 1000, token: "t" });
        await part.beginStep(lease, "k");
        await part.finishStep(lease, "k", { usage: { tokens: 4 } });
        if (fails) throw new RangeError("no");
        return part.complete(await part.renew(lease, { leaseMs: 5 }), { result: 1 });
      });
    await expect(whole(true)).rejects.toThrow(new RangeError("no"));
    expect(await opened.store.list(who, "")).toEqual([]);
    expect(await whole(false)).toMatchObject({ status: "completed", usage: { tokens: 4, steps: 1 } });
    expect(await runs.get(who, "a")).toMatchObject({ status: "completed", usage: { tokens: 4, steps: 1 } });
    const { lease } = await held(runs, who, "b");
    await together(opened.store, async (unit) => {
      await runs.in(unit).pause(who, "b", { lease, reason: "later" });
      await runs.in(unit).resume(who, "b");
      const { lease: next } = await runs.in(unit).claim(who, "b", { worker: "w", leaseMs: 1000 });
      await runs.in(unit).release(next);
      await runs.in(unit).halt(who, "b", { reason: "enough" });
    });
    expect((await runs.get(who, "b")).status).toBe("halted");
  });

  test("steps and results are gone with their session", async () => {
    const { runs, who } = gate();
    const { lease } = await held(runs, who, "a");
    await runs.step(lease, "k", () => 1);
    await opened.store.erase(who);
    await expect(runs.step(lease, "k", () => 1)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(runs.steps(who, "a")).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await opened.store.list(userIdentity(who.tenant, who.user), "")).toHaveLength(1);
    expect(await runs.list({ tenant: who.tenant, user: who.user })).toEqual({ runs: [] });
    expect(await opened.store.list(userIdentity(who.tenant, who.user), "")).toEqual([]);
  });
});

test("a result that is too large for the store is refused with what to do, and nothing is kept", async () => {
  await using store = await openStore("memory:", { maxBytes: 2000 });
  const runs = createRuns(store);
  const who = newSession();
  const { lease } = await held(runs, who, `a${newEventId()}`);
  await expect(runs.step(lease, "k", () => "x".repeat(2000))).rejects.toMatchObject({
    code: "INVALID_RECORD",
    details: { field: "result", rule: expect.stringContaining("store it elsewhere") },
  });
  await runs.beginStep(lease, "k");
  await expect(runs.finishStep(lease, "k", { result: "x".repeat(2000) })).rejects.toMatchObject({
    code: "INVALID_RECORD",
    details: { field: "result" },
  });
  await expect(runs.complete(lease, { result: "x".repeat(2000) })).rejects.toMatchObject({
    code: "INVALID_RECORD",
    details: { field: "result" },
  });
  // Nearly as large as a record may be: too large with what else is in it.
  await expect(runs.complete(lease, { result: "x".repeat(1950) })).rejects.toMatchObject({
    code: "INVALID_RECORD",
    details: { field: "result" },
  });
  expect((await runs.get(who, lease.id)).status).toBe("running");
});

test("a step inside another unit is refused before its work is done", async () => {
  await using store = await openStore("memory:");
  const runs = createRuns(store);
  const { lease } = await held(runs, newSession(), "a");
  let ran = 0;
  const inside = together(store, () => runs.step(lease, "k", () => ++ran));
  await expect(inside).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field: "work" } });
  expect(ran).toBe(0);
});
