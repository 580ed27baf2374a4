import { describe, expect, test } from "vitest";
import {
  type Identity,
  maintenanceScope,
  newEventId,
  type SessionIdentity,
  type StateStore,
  tenantIdentity,
  userIdentity,
} from "../../src/index.js";
import { createRuns, type Lease, type RunStatus } from "../../src/runs/index.js";
import { MAX_LEASE_MS } from "../../src/runs/stored-lease.js";
import { withMethods } from "../sessions/rig.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { drain, held, LEASE_MS, TestClock, until, WORKER } from "./states.js";

onEveryStore((opened) => {
  function gate() {
    const clock = new TestClock();
    const runs = createRuns(opened.store, { clock: clock.now, pollMs: 10 });
    const who = newSession();
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    return { clock, runs, who, scope };
  }

  test("a run is started once by its id, and other content is refused", async () => {
    const { runs, who, clock } = gate();
    const input = { id: "a", name: "n", input: { x: [1] }, policy: "p", metadata: { m: 1 }, parent: "z" };
    const budget = { tokens: 10, cost: "0.50", loops: 3, seconds: 60 };
    const { run, duplicate } = await runs.start(who, { ...input, budget });
    expect(duplicate).toBe(false);
    expect(run).toEqual({
      ...input,
      identity: who,
      budget: { ...budget, cost: "0.5" },
      status: "pending",
      createdAt: new Date(clock.time),
      usage: { tokens: 0, cost: "0", loops: 0, seconds: 0, steps: 0 },
      claims: 0,
    });
    clock.pass(5);
    expect(await runs.start(who, { ...input, budget })).toEqual({ run, duplicate: true });
    await expect(runs.start(who, { ...input, budget: { loops: 4 } })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    expect(await runs.get(who, "a")).toEqual(run);
    expect(await runs.find(who, "b")).toBeUndefined();
    await expect(runs.get(who, "b")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await opened.store.erase(who);
    await expect(runs.start(who, { ...input, budget })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("runs are listed newest first, of a session, a user and a tenant, by status and name", async () => {
    const { runs, who, clock } = gate();
    const sessions = [who, { ...who, session: "s2" }, { ...who, user: "bob" }];
    const names = ["x", "y", undefined];
    for (const [n, owner] of [...sessions, ...sessions].entries()) {
      clock.pass(1);
      const name = names[n % 2];
      await runs.start(owner, { id: `r${n}`, ...(name && { name }) });
      if (n % 2 === 1) await runs.cancel(owner, `r${n}`);
    }
    const ids = async (...given: Parameters<typeof runs.list>) =>
      (await runs.list(...given)).runs.map(({ id }) => id);
    const { tenant, user } = who;
    expect(await ids({ tenant })).toEqual(["r5", "r4", "r3", "r2", "r1", "r0"]);
    expect(await ids({ tenant, user })).toEqual(["r4", "r3", "r1", "r0"]);
    expect(await ids(who)).toEqual(["r3", "r0"]);
    expect(await ids({ tenant }, { status: "pending" })).toEqual(["r4", "r2", "r0"]);
    expect(await ids({ tenant, user }, { name: "y" })).toEqual(["r3", "r1"]);
    expect(await ids({ tenant }, { name: "y", status: ["pending", "running"] })).toEqual([]);
    expect(await ids(who, { name: "x", status: "pending" })).toEqual(["r0"]);
    const first = await runs.list({ tenant }, { limit: 4 });
    expect(first.runs).toHaveLength(4);
    expect(await ids({ tenant }, { limit: 4, after: first.next })).toEqual(["r1", "r0"]);
  });

  test("a worker that was taken over changes nothing any more, whatever it calls", async () => {
    const { runs, who, clock } = gate();
    const { lease: old } = await held(runs, who, "a");
    await runs.beginStep(old, "k");
    clock.pass(LEASE_MS);
    const { lease } = await runs.claim(who, "a", { worker: "w2", leaseMs: LEASE_MS });
    expect(lease.fence).toBe(2);
    const before = await opened.store.list(who, "");
    const index = await opened.store.list(tenantIdentity(who.tenant), "");
    let ran = 0;
    const calls = {
      renew: () => runs.renew(old, { leaseMs: 1 }),
      release: () => runs.release(old),
      complete: () => runs.complete(old),
      fail: () => runs.fail(old, { error: "no" }),
      cancel: () => runs.cancel(who, "a", { lease: old }),
      halt: () => runs.halt(who, "a", { reason: "no", lease: old }),
      pause: () => runs.pause(who, "a", { lease: old }),
      beginStep: () => runs.beginStep(old, "k2"),
      finishStep: () => runs.finishStep(old, "k"),
      step: () => runs.step(old, "k3", () => ++ran),
    };
    for (const [name, call] of Object.entries(calls)) {
      await expect(call(), name).rejects.toMatchObject({
        code: "FENCED",
        details: { fence: 1, current: 2, status: "running", worker: "w2" },
      });
    }
    expect(ran).toBe(0);
    expect(await opened.store.list(who, "")).toEqual(before);
    expect(await opened.store.list(tenantIdentity(who.tenant), "")).toEqual(index);
    await expect(runs.complete(lease, { result: 1 })).resolves.toMatchObject({ status: "completed" });
  });

  test("a lease holds also as JSON, and not for a run that is started again after an erase", async () => {
    const { runs, who, clock } = gate();
    const { lease } = await held(runs, who, "a");
    const sent = JSON.parse(JSON.stringify(lease));
    await expect(runs.renew(sent, { leaseMs: 5 })).resolves.toMatchObject({
      fence: 1,
      until: new Date(clock.time + 5),
    });
    const other = createRuns(opened.store, { clock: clock.now });
    await opened.store.erase(who);
    const again = `b${newEventId()}`;
    const { lease: newLease } = await held(other, who, again);
    await expect(runs.complete({ ...lease, id: again })).rejects.toMatchObject({ code: "FENCED" });
    await other.complete(newLease);
  });

  test.each<[RunStatus, string]>([
    ["cancelled", "no more"],
    ["halted", "enough"],
    ["paused", "later"],
  ])("a worker whose run was %s learns of it", async (status, reason) => {
    const { runs, who } = gate();
    const { lease } = await held(runs, who, "a");
    if (status === "cancelled") await runs.cancel(who, "a", { reason });
    else if (status === "halted") await runs.halt(who, "a", { reason });
    else await runs.pause(who, "a", { reason });
    await expect(runs.complete(lease)).rejects.toMatchObject({
      code: "FENCED",
      details: { fence: 1, current: 1, status, ...(status === "paused" ? {} : { reason }) },
    });
    if (status === "paused") {
      expect((await runs.get(who, "a")).pause).toMatchObject({ reason });
      expect(await runs.claimNext({ tenant: who.tenant }, WORKER)).toBeUndefined();
      await runs.resume(who, "a");
      await expect(runs.claimNext({ tenant: who.tenant }, WORKER)).resolves.toMatchObject({
        run: { id: "a" },
      });
      await expect(runs.complete(lease)).rejects.toMatchObject({ code: "FENCED" });
    } else expect((await runs.get(who, "a")).outcome).toMatchObject({ reason });
  });

  describe("a run that goes back to a status before its own while it is read", () => {
    /** Acts once, when the first list of these records has been read. */
    function whenRead(prefix: string, act: () => Promise<unknown>): StateStore {
      let hasActed = false;
      const list = async (...given: Parameters<StateStore["list"]>) => {
        const found = await opened.store.list(...given);
        if (given[1]?.startsWith(prefix) && !hasActed) {
          hasActed = true;
          await act();
        }
        return found;
      };
      const { store } = opened;
      const methods = { find: store.find.bind(store), commit: store.commit.bind(store) };
      return {
        ...methods,
        limits: store.limits,
        erase: store.erase.bind(store),
        list,
      } as unknown as StateStore;
    }

    test.each([
      ["run.session/", (who: SessionIdentity) => who, {}],
      ["run.tenant.name/", ({ tenant }: SessionIdentity) => ({ tenant }), { name: "n" }],
    ] as const)("is in the list %s", async (prefix, where, options) => {
      const { runs, who } = gate();
      const { lease } = await held(runs, who, "a", { name: "n" });
      const reader = createRuns(whenRead(prefix, () => runs.release(lease)));
      expect((await reader.list(where(who), options)).runs).toMatchObject([{ id: "a", status: "pending" }]);
    });

    test("is forgotten with its user", async () => {
      const { runs, who } = gate();
      const { lease } = await held(runs, who, "a");
      const reader = createRuns(whenRead("run.user/", () => runs.release(lease)));
      expect(await reader.forgetUser({ tenant: who.tenant, user: who.user })).toBe(1);
      expect(await opened.store.list(who, "")).toEqual([]);
    });
  });

  describe("a claim that waits", () => {
    const patience = { waitMs: 60_000 };
    const worker = { worker: "w2", leaseMs: LEASE_MS };

    test("takes the run when it is given back, resumed, or its lease has passed", async () => {
      const { runs, who, clock } = gate();
      const { lease } = await held(runs, who, "a");
      await expect(runs.claim(who, "a", worker)).rejects.toMatchObject({ code: "LEASE_HELD" });
      const released = runs.claim(who, "a", worker, patience);
      await runs.renew(lease, { leaseMs: LEASE_MS });
      await runs.release(lease);
      const second = await released;
      expect(second.lease).toMatchObject({ worker: "w2", fence: 2 });
      await runs.pause(who, "a", { lease: second.lease });
      const resumed = runs.claim(who, "a", worker, patience);
      await runs.resume(who, "a");
      expect((await resumed).lease.fence).toBe(3);
      const passed = runs.claim(who, "a", worker, patience);
      clock.pass(LEASE_MS);
      expect((await passed).lease.fence).toBe(4);
    });

    test("is refused when the run ends, when the time is up, and when it is aborted", async () => {
      const { runs, who } = gate();
      const { lease } = await held(runs, who, "a");
      await expect(runs.claim(who, "a", worker, { waitMs: 1 })).rejects.toMatchObject({
        code: "LEASE_HELD",
        details: { worker: "w1" },
      });
      const controller = new AbortController();
      const aborted = runs.claim(who, "a", worker, { ...patience, signal: controller.signal });
      controller.abort(new RangeError("enough"));
      await expect(aborted).rejects.toThrow("enough");
      const ended = runs.claim(who, "a", worker, patience);
      await runs.complete(lease);
      await expect(ended).rejects.toMatchObject({ code: "WRONG_STATUS", details: { status: "completed" } });
      await expect(runs.claim(who, "b", worker, patience)).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    test("of many that wait for one run each gets it in turn", async () => {
      const { runs, who } = gate();
      const { lease } = await held(runs, who, "a");
      const fences: number[] = [];
      const waiting = Array.from({ length: 8 }, async (_, n) => {
        const claimed = await runs.claim(who, "a", { worker: `w${n}`, leaseMs: LEASE_MS }, patience);
        fences.push(claimed.lease.fence);
        await runs.release(claimed.lease);
      });
      await runs.release(lease);
      await Promise.all(waiting);
      expect(fences).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    });

    test("of the queue takes what is started meanwhile, and ends with nothing when the time is up", async () => {
      const { runs, who } = gate();
      const { tenant } = who;
      expect(await runs.claimNext({ tenant }, worker, { waitMs: 1 })).toBeUndefined();
      const claimed = runs.claimNext({ tenant }, worker, patience);
      await runs.start(who, { id: "a" });
      expect((await claimed)?.run.id).toBe("a");
      const controller = new AbortController();
      const aborted = runs.claimNext({ tenant }, worker, { ...patience, signal: controller.signal });
      controller.abort(new RangeError("enough"));
      await expect(aborted).rejects.toThrow("enough");
    });
  });

  describe("while work goes on", () => {
    test("its lease is renewed, and the work is told when it is lost", async () => {
      const { runs, who, clock } = gate();
      const { lease } = await held(runs, who, "a");
      clock.pass(LEASE_MS - 1);
      const result = await runs.renewWhile(lease, { leaseMs: 60 }, async (signal) => {
        await until(async () => (await runs.get(who, "a")).holder?.until.getTime() === clock.time + 60);
        clock.pass(59);
        await until(async () => (await runs.get(who, "a")).holder?.until.getTime() === clock.time + 60);
        expect(signal.aborted).toBe(false);
        await runs.cancel(who, "a", { reason: "no more" });
        await until(async () => signal.aborted);
        return signal.reason;
      });
      expect(result).toMatchObject({ code: "FENCED", details: { status: "cancelled", reason: "no more" } });
    });

    test("its own end of the run, and what it throws, are its own", async () => {
      const { runs, who } = gate();
      const { lease } = await held(runs, who, "a");
      const completed = await runs.renewWhile(lease, { leaseMs: 3 }, async (signal) => {
        const run = await runs.complete(lease);
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect(signal.aborted).toBe(false);
        return run.status;
      });
      expect(completed).toBe("completed");
      const { lease: other } = await held(runs, who, "b");
      const failure = new RangeError("it broke");
      const failing = runs.renewWhile(other, { leaseMs: LEASE_MS }, () => Promise.reject(failure));
      await expect(failing).rejects.toBe(failure);
      const controller = new AbortController();
      const { signal } = controller;
      const aborted = runs.renewWhile(
        other,
        { leaseMs: LEASE_MS },
        async (own) => {
          controller.abort(failure);
          return own.reason;
        },
        { signal },
      );
      expect(await aborted).toBe(failure);
      await expect(runs.renewWhile(other, { leaseMs: 5 }, () => 1, { signal })).rejects.toBe(failure);
      await runs.release(other);
    });
  });

  describe("the queue", () => {
    test("gives each pending run once, of one name if one is wanted, and nothing that is done", async () => {
      const { runs, who, clock } = gate();
      const { tenant } = who;
      for (let n = 0; n < 70; n++) {
        clock.pass(1);
        await runs.start(who, { id: `r${n}`, name: n % 2 === 0 ? "even" : "odd" });
      }
      const odd = await Promise.all(
        Array.from({ length: 40 }, () => runs.claimNext({ tenant }, { ...WORKER, name: "odd" })),
      );
      const ids = odd.filter((claimed) => claimed !== undefined).map(({ run }) => run.id);
      expect(new Set(ids)).toEqual(new Set(Array.from({ length: 35 }, (_, n) => `r${2 * n + 1}`)));
      expect(ids).toHaveLength(35);
      for (let n = 0; n < 35; n++) {
        const claimed = await runs.claimNext({ tenant }, WORKER);
        expect(claimed?.run.name).toBe("even");
        if (claimed) await runs.complete(claimed.lease);
      }
      expect(await runs.claimNext({ tenant }, WORKER)).toBeUndefined();
      expect(await runs.claimNext({ tenant: `${tenant}2` }, WORKER)).toBeUndefined();
    });

    test("gives the same run and lease to the same call again, while that lease holds", async () => {
      const { runs, who, clock } = gate();
      const { tenant } = who;
      for (const id of ["a", "b", "c"]) await runs.start(who, { id });
      for (const token of ["", undefined, "x".repeat(129)])
        await expect(runs.claimNext({ tenant }, { ...WORKER, token: token as string })).rejects.toMatchObject(
          { code: "INVALID_RECORD", details: { field: "token" } },
        );
      let isLost = false;
      const losing = withMethods(opened.store, {
        commit: async (...given: Parameters<typeof opened.store.commit>) => {
          const receipt = await opened.store.commit(...given);
          if (isLost) throw new Error("the answer is lost");
          return receipt;
        },
      });
      const calls = createRuns(losing, { clock: clock.now, pollMs: 10 });
      const call = { ...WORKER, token: "call-1" };
      isLost = true;
      await expect(calls.claimNext({ tenant }, call)).rejects.toThrow("the answer is lost");
      isLost = false;
      const [again, twice] = await Promise.all([
        calls.claimNext({ tenant }, call),
        runs.claimNext({ tenant }, call),
      ]);
      expect(again?.lease.fence).toBe(1);
      expect(twice).toEqual(again);
      expect((await runs.list({ tenant }, { status: "pending" })).runs).toHaveLength(2);
      // The lease is a real one, and a renewed one is still that of the call.
      const renewed = await runs.renew(again?.lease as Lease, { leaseMs: LEASE_MS });
      clock.pass(LEASE_MS + 1);
      expect((await runs.claimNext({ tenant }, call))?.lease).toEqual(renewed);
      // Another call, another worker, and a call whose run was taken over or is over, get another run.
      const ids = [again?.run.id];
      const taken = await runs.claimNext({ tenant }, { ...WORKER, token: "call-2" });
      expect(taken).toMatchObject({ run: { id: ids[0] }, lease: { fence: 2 } });
      const next = await runs.claimNext({ tenant }, call);
      ids.push(next?.run.id);
      await runs.complete(next?.lease as Lease);
      ids.push((await runs.claimNext({ tenant }, call))?.run.id);
      expect(ids.sort()).toEqual(["a", "b", "c"]);
      expect(await runs.claimNext({ tenant }, { ...call, worker: "other" })).toBeUndefined();
      await runs.complete(taken?.lease as Lease);
      await opened.store.erase(who);
      expect(await runs.claimNext({ tenant }, call)).toBeUndefined();
      expect(await opened.store.list(tenantIdentity(tenant), "run.tenant.claim/")).toEqual([]);
    });

    test("waits once for calls of the same token", async () => {
      const { runs, who } = gate();
      const { tenant } = who;
      const call = { ...WORKER, token: "call" };
      const waiting = [1, 2].map(() => runs.claimNext({ tenant }, call, { waitMs: 60_000 }));
      await runs.start(who, { id: "a" });
      await runs.start(who, { id: "b" });
      const [first, second] = await Promise.all(waiting);
      expect(second).toEqual(first);
      expect((await runs.list({ tenant }, { status: "pending" })).runs).toHaveLength(1);
    });

    test("gives a run whose lease has passed before those that wait, and `recover` names them oldest first", async () => {
      const { runs, who, clock, scope } = gate();
      const { tenant } = who;
      for (const id of ["a", "b", "c"]) {
        await held(runs, who, id, { name: "n" });
        clock.pass(1000);
      }
      await runs.start(who, { id: "d", name: "m" });
      expect(await drain(runs.recover(scope))).toEqual({ found: [], thrown: undefined });
      clock.pass(LEASE_MS);
      expect((await drain(runs.recover(scope))).found.map(({ id }) => id)).toEqual(["a", "b", "c"]);
      const taken = await Promise.all(
        [1, 2, 3].map(() => runs.claimNext({ tenant }, { ...WORKER, name: "n" })),
      );
      expect(taken.map((claimed) => claimed?.run.id).sort()).toEqual(["a", "b", "c"]);
      expect(taken.map((claimed) => claimed?.lease.fence)).toEqual([2, 2, 2]);
      expect((await runs.claimNext({ tenant }, WORKER))?.run.id).toBe("d");
      expect((await drain(runs.recover(scope))).found).toEqual([]);
    });

    test("a clock that was ahead loses no run: neither one it started nor one it leased", async () => {
      const { runs, who, clock, scope } = gate();
      const { tenant } = who;
      const right = clock.time;
      clock.pass(100 * MAX_LEASE_MS);
      await held(runs, who, "leased", { name: "n" });
      await runs.start(who, { id: "pending", name: "n" });
      clock.time = right;
      expect((await drain(runs.recover(scope))).found.map(({ id }) => id)).toEqual(["leased"]);
      const first = await runs.claimNext({ tenant }, { ...WORKER, name: "n" });
      const second = await runs.claimNext({ tenant }, WORKER);
      expect([first?.run.id, second?.run.id]).toEqual(["leased", "pending"]);
      expect(await runs.claimNext({ tenant }, WORKER)).toBeUndefined();
    });

    test("is not stopped by a longest lease and a clock that is a little behind", async () => {
      const { runs, who, clock } = gate();
      await runs.start(who, { id: "a" });
      await runs.claim(who, "a", { worker: "w", leaseMs: MAX_LEASE_MS });
      clock.pass(-1);
      expect(await runs.claimNext({ tenant: who.tenant }, WORKER)).toBeUndefined();
    });

    describe("passes over what is damaged, and says so when nothing else is left", () => {
      const damage = (who: SessionIdentity, kind: string, identity: Identity = who) =>
        opened.store.save({ eventId: newEventId(), identity, kind, bytes: Buffer.from("{") });

      test("a run whose lease has passed", async () => {
        const { runs, who, clock } = gate();
        await held(runs, who, "a");
        await runs.start(who, { id: "b" });
        await damage(who, "run/a");
        clock.pass(LEASE_MS);
        expect((await runs.claimNext({ tenant: who.tenant }, WORKER))?.run.id).toBe("b");
        await expect(runs.claimNext({ tenant: who.tenant }, WORKER)).rejects.toMatchObject({
          code: "CORRUPT",
          details: { at: { kind: "run/a" } },
        });
      });

      test("a pending run", async () => {
        const { runs, who, clock } = gate();
        const { tenant } = who;
        await held(runs, who, "a");
        // From now on pending runs come first, for a while.
        expect(await runs.claimNext({ tenant }, WORKER)).toBeUndefined();
        await runs.start(who, { id: "b" });
        await damage(who, "run/b");
        clock.pass(LEASE_MS);
        expect((await runs.claimNext({ tenant }, WORKER))?.run.id).toBe("a");
        await expect(runs.claimNext({ tenant }, WORKER)).rejects.toMatchObject({ code: "CORRUPT" });
      });

      test.each(["run.tenant/pending/", "run.due/"])("entries of %s", async (prefix) => {
        const { runs, who, clock } = gate();
        const { tenant } = who;
        const ids = ["a", "b", "c", "d", "e"];
        for (const id of ids) {
          await (prefix === "run.due/" ? held(runs, who, id) : runs.start(who, { id }));
          clock.pass(1);
        }
        const owner = tenantIdentity(tenant);
        const entries = await opened.store.list(owner, prefix);
        for (const place of [1, 3, 4]) await damage(who, entries[place]?.kind as string, owner);
        clock.pass(LEASE_MS);
        const taken = [];
        for (let n = 0; n < 2; n++) taken.push((await runs.claimNext({ tenant }, WORKER))?.run.id);
        expect(taken.sort()).toEqual(["a", "c"]);
        await expect(runs.claimNext({ tenant }, WORKER)).rejects.toMatchObject({ code: "CORRUPT" });
      });
    });

    test("halts runs whose seconds are used up, and gives the next one", async () => {
      const { runs, who, clock } = gate();
      const { tenant } = who;
      await held(runs, who, "a", { budget: { seconds: 10 } });
      await runs.start(who, { id: "b" });
      clock.pass(LEASE_MS);
      await expect(runs.claim(who, "a", WORKER)).rejects.toMatchObject({
        code: "WRONG_STATUS",
        details: { status: "halted" },
      });
      await held(runs, who, "c", { budget: { seconds: 10 } });
      clock.pass(LEASE_MS);
      expect((await runs.claimNext({ tenant }, WORKER))?.run.id).toBe("b");
      expect((await runs.get(who, "c")).outcome).toMatchObject({ limit: "seconds" });
    });
  });

  test("a run that has ended is waited for, and keeps how it ended", async () => {
    const { runs, who, clock } = gate();
    const { lease } = await held(runs, who, "a");
    const ended = runs.wait(who, "a", { timeoutMs: 60_000 });
    const run = await runs.complete(lease, { result: { ok: [true] }, by: "w1" });
    expect(run.outcome).toEqual({ result: { ok: [true] }, by: "w1", at: new Date(clock.time) });
    expect(await ended).toEqual(run);
    expect(run.holder).toBeUndefined();
    await expect(runs.wait(who, "a")).resolves.toEqual(run);
    const { lease: other } = await held(runs, who, "b");
    await expect(runs.wait(who, "b", { timeoutMs: 1 })).rejects.toMatchObject({ code: "WAIT_TIMED_OUT" });
    expect((await runs.fail(other, { error: "it broke" })).outcome).toMatchObject({ error: "it broke" });
  });

  test("forgetting a user leaves nothing of their runs, and the runs of others", async () => {
    const { runs, who, clock } = gate();
    const bob = { ...who, user: "bob" };
    for (const owner of [who, { ...who, session: "s2" }, bob]) {
      const { lease } = await held(runs, owner, "a", { name: "n" });
      await runs.step(lease, "k", () => "kept");
    }
    clock.pass(1);
    await opened.store.erase({ ...who, session: "s2" });
    const { tenant, user } = who;
    expect(await runs.forgetUser({ tenant, user })).toBe(1);
    expect(await opened.store.list(who, "")).toEqual([]);
    expect(await opened.store.list(userIdentity(tenant, user), "")).toEqual([]);
    const left = await opened.store.list(tenantIdentity(tenant), "");
    for (const { bytes } of left) expect(Buffer.from(bytes).toString()).not.toContain(user);
    expect((await runs.list({ tenant })).runs.map(({ identity }) => identity.user)).toEqual(["bob"]);
    expect((await runs.steps(bob, "a")).steps).toHaveLength(1);
  });
});
