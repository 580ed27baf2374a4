import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { openStore } from "../../src/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { CALL, HOUR, TestClock } from "./states.js";

const APPROVE = { decision: "approve", by: "bob" } as const;

onEveryStore((opened) => {
  const gate = (options = {}) => createApprovals(opened.store, options);

  test.each([false, undefined, null, 1, "true", {}])("nothing but true allows it: %s", async (answer) => {
    const who = newSession();
    const approvals = gate({ mayDecide: () => answer as boolean });
    const { approval } = await approvals.request(who, CALL);
    for (const decision of ["approve", "deny"] as const) {
      await expect(approvals.decide(who, approval.id, { decision, by: "bob" })).rejects.toMatchObject({
        code: "FORBIDDEN",
        details: { rule: "mayDecide" },
      });
    }
    expect(await approvals.get(who, approval.id)).toEqual(approval);
  });

  test("the hook sees the approval and the decision, and what it throws is passed on", async () => {
    const who = newSession();
    const seen: unknown[] = [];
    const approvals = gate({
      mayDecide: async (...given: unknown[]) => {
        seen.push(given);
        if (seen.length === 1) throw new RangeError("no directory");
        return true;
      },
    });
    const { approval } = await approvals.request(who, CALL);
    const decide = () => approvals.decide(who, approval.id, { ...APPROVE, token: "t" });
    await expect(decide()).rejects.toThrow(new RangeError("no directory"));
    expect(await approvals.get(who, approval.id)).toEqual(approval);
    await expect(decide()).resolves.toMatchObject({ status: "approved" });
    expect(seen).toEqual([1, 2].map(() => [approval, { by: "bob", decision: "approve" }]));
    // What happened is not asked about again.
    await expect(decide()).resolves.toMatchObject({ status: "approved" });
    expect(seen).toHaveLength(2);
  });

  test("a hook that does not answer holds up nobody who aborts, and no other decision", async () => {
    const who = newSession();
    const abort = new AbortController();
    let asked = () => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const silent = gate({
      mayDecide: () => {
        asked();
        return new Promise(() => {});
      },
    });
    const { approval } = await silent.request(who, CALL);
    const waiting = silent.decide(who, approval.id, APPROVE, { signal: abort.signal });
    await isAsked;
    await expect(gate().decide(who, approval.id, APPROVE)).resolves.toMatchObject({ status: "approved" });
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  test("while the hook runs, another decision or the expiry comes first", async () => {
    const clock = new TestClock();
    const who = newSession();
    let meanwhile = async () => {};
    const slow = gate({
      clock: clock.now,
      mayDecide: async () => {
        await meanwhile();
        return true;
      },
    });
    const other = gate({ clock: clock.now });
    await Promise.all(["a", "b", "c"].map((id) => slow.request(who, { ...CALL, id, ttlMs: HOUR })));
    meanwhile = async () => {
      await other.decide(who, "a", { decision: "deny", by: "eve" });
    };
    await expect(slow.decide(who, "a", APPROVE)).rejects.toMatchObject({
      details: { winner: { status: "denied", by: "eve" } },
    });
    meanwhile = async () => clock.pass(HOUR);
    await expect(slow.decide(who, "b", APPROVE)).rejects.toMatchObject({ code: "EXPIRED" });
    clock.pass(-HOUR);
    meanwhile = async () => {
      await opened.store.erase(who);
    };
    await expect(slow.decide(who, "c", APPROVE)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("the decision applies to the request that the hook checked, and to no later one under its id", async () => {
    const who = newSession();
    const store = await openStore("memory:", { idempotencyWindowMs: 1 });
    const clock = new TestClock();
    const approvals = createApprovals(store, {
      clock: clock.now,
      mayDecide: async () => {
        await store.erase(who);
        await sleep(20);
        await approvals.request(who, { ...CALL, id: "a", arguments: { path: "/" } });
        return true;
      },
    });
    await approvals.request(who, { ...CALL, id: "a" });
    await expect(approvals.decide(who, "a", APPROVE)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await approvals.get(who, "a")).toMatchObject({ status: "pending", arguments: { path: "/" } });
    await store.close();
  });

  test("the requester does not decide where another one has to", async () => {
    const who = newSession();
    const approvals = gate({ requireOtherDecider: true });
    await expect(approvals.request(who, CALL)).rejects.toMatchObject({ details: { field: "requester" } });
    const { approval } = await approvals.request(who, { ...CALL, requester: "bob" });
    const nobodys = await gate().request(who, CALL);
    for (const decision of ["approve", "deny"] as const) {
      for (const { id } of [approval, nobodys.approval]) {
        await expect(approvals.decide(who, id, { decision, by: "bob" })).rejects.toMatchObject({
          code: "FORBIDDEN",
          details: { rule: "requireOtherDecider" },
        });
      }
    }
    await expect(approvals.decide(who, approval.id, { ...APPROVE, by: "ann" })).resolves.toMatchObject({
      status: "approved",
    });
  });
});
