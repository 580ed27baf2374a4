import { describe, expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { isStateError, maintenanceScope } from "../../src/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { ACTIONS, type Action, CALL, HOUR, inState, STATES, type State, TestClock } from "./states.js";

/** The result of each action in each state: a status, or an error code. */
const OUTCOMES: Record<State, Record<Action, string>> = {
  pending: row("approved", "denied", "cancelled", "NOT_DECIDED", "NOT_CLAIMED"),
  approved: row("ALREADY_DECIDED", "ALREADY_DECIDED", "ALREADY_DECIDED", "claimed", "NOT_CLAIMED"),
  denied: row("ALREADY_DECIDED", "ALREADY_DECIDED", "ALREADY_DECIDED", "ALREADY_DECIDED", "NOT_CLAIMED"),
  cancelled: row("ALREADY_DECIDED", "ALREADY_DECIDED", "ALREADY_DECIDED", "ALREADY_DECIDED", "NOT_CLAIMED"),
  "pending, overdue": row("EXPIRED", "EXPIRED", "EXPIRED", "EXPIRED", "NOT_CLAIMED"),
  "approved, overdue": row("ALREADY_DECIDED", "ALREADY_DECIDED", "ALREADY_DECIDED", "EXPIRED", "NOT_CLAIMED"),
  "pending, marked": row("EXPIRED", "EXPIRED", "EXPIRED", "EXPIRED", "NOT_CLAIMED"),
  "approved, marked": row("ALREADY_DECIDED", "ALREADY_DECIDED", "ALREADY_DECIDED", "EXPIRED", "NOT_CLAIMED"),
  claimed: {
    ...row("ALREADY_DECIDED", "ALREADY_DECIDED", "ALREADY_DECIDED", "ALREADY_CLAIMED", ""),
    complete: "completed",
    fail: "failed",
  },
  completed: row(
    "ALREADY_DECIDED",
    "ALREADY_DECIDED",
    "ALREADY_DECIDED",
    "ALREADY_CLAIMED",
    "ALREADY_FINISHED",
  ),
  failed: row("ALREADY_DECIDED", "ALREADY_DECIDED", "ALREADY_DECIDED", "ALREADY_CLAIMED", "ALREADY_FINISHED"),
};

function row(approve: string, deny: string, cancel: string, claim: string, finish: string) {
  return { approve, deny, cancel, claim, complete: finish, fail: finish };
}

onEveryStore((opened) => {
  function gate() {
    const clock = new TestClock();
    const approvals = createApprovals(opened.store, { clock: clock.now });
    const who = newSession();
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    return { approvals, clock, who, mark: () => approvals.expireOverdue(scope) };
  }

  describe.each(Object.keys(STATES) as State[])("%s", (state) => {
    test.each(Object.keys(ACTIONS) as Action[])("%s", async (action) => {
      const given = gate();
      const { approvals, who } = given;
      const before = await inState(state, given);
      const outcome = await ACTIONS[action](approvals, who, before.id).then(
        ({ status }) => status,
        (error: unknown) => (isStateError(error) ? error.code : error),
      );
      expect(outcome).toBe(OUTCOMES[state][action]);
      const after = await approvals.get(who, before.id);
      if (outcome === after.status) return;
      // A refusal leaves everything as it was.
      expect(after).toEqual(before);
    });

    test("is listed under what it is, and under nothing else", async () => {
      const given = gate();
      const { approvals, who } = given;
      const approval = await inState(state, given);
      for (const where of [who, { tenant: who.tenant }]) {
        for (const status of [
          "pending",
          "approved",
          "denied",
          "cancelled",
          "expired",
          "claimed",
          "completed",
          "failed",
        ] as const) {
          const expected = status === approval.status ? [approval] : [];
          expect((await approvals.list(where, { status })).approvals).toEqual(expected);
        }
      }
    });
  });

  test("a refusal names the winner, the time and the reason", async () => {
    const given = gate();
    const { approvals, clock, who } = given;
    const at = new Date(clock.time);
    const { id } = await inState("completed", given);
    await expect(ACTIONS.deny(approvals, who, id)).rejects.toMatchObject({
      details: { winner: { status: "approved", by: "bob", reason: "fine", at } },
    });
    await expect(ACTIONS.claim(approvals, who, id)).rejects.toMatchObject({ details: { by: "worker", at } });
    await expect(ACTIONS.fail(approvals, who, id)).rejects.toMatchObject({
      details: { outcome: { result: { removed: 1 }, by: "worker", at } },
    });
    const cancelled = await inState("cancelled", given);
    await expect(ACTIONS.claim(approvals, who, cancelled.id)).rejects.toMatchObject({
      details: { winner: { status: "cancelled", by: "ann", reason: "not needed", at } },
    });
    const overdue = await inState("pending, overdue", given);
    await expect(ACTIONS.approve(approvals, who, overdue.id)).rejects.toMatchObject({
      details: { expiresAt: overdue.expiresAt },
    });
  });

  test("an approval expires at exactly its time, without a sweep", async () => {
    const { approvals, clock, who } = gate();
    const [first, second] = await Promise.all(
      ["a", "b"].map((id) => approvals.request(who, { ...CALL, id, ttlMs: HOUR })),
    );
    clock.pass(HOUR - 1);
    await expect(ACTIONS.approve(approvals, who, "a")).resolves.toMatchObject({ status: "approved" });
    expect(first?.approval.expiresAt).toEqual(second?.approval.expiresAt);
    clock.pass(1);
    await expect(ACTIONS.approve(approvals, who, "b")).rejects.toMatchObject({ code: "EXPIRED" });
    await expect(ACTIONS.claim(approvals, who, "a")).rejects.toMatchObject({ code: "EXPIRED" });
    expect(await approvals.get(who, "a")).toMatchObject({ status: "expired", decision: { by: "bob" } });
  });

  test("a decision may give the claim a time of its own, longer or shorter", async () => {
    const { approvals, clock, who } = gate();
    for (const id of ["short", "long"]) await approvals.request(who, { ...CALL, id, ttlMs: HOUR });
    const approve = (id: string, ttlMs: number) =>
      approvals.decide(who, id, { decision: "approve", by: "bob", ttlMs });
    await expect(approve("short", 10)).resolves.toMatchObject({ expiresAt: new Date(clock.time + 10) });
    await approve("long", 2 * HOUR);
    clock.pass(10);
    await expect(ACTIONS.claim(approvals, who, "short")).rejects.toMatchObject({ code: "EXPIRED" });
    clock.pass(HOUR);
    await expect(ACTIONS.claim(approvals, who, "long")).resolves.toMatchObject({ status: "claimed" });
  });

  test("a call that differs from the approved one is refused in every state, and claims nothing", async () => {
    for (const state of Object.keys(STATES) as State[]) {
      const given = gate();
      const { approvals, who } = given;
      const before = await inState(state, given);
      for (const call of [
        { ...CALL, tool: "files.delete2" },
        { ...CALL, arguments: { path: "/" } },
      ]) {
        await expect(approvals.claim(who, before.id, call)).rejects.toMatchObject({
          code: "DIGEST_MISMATCH",
        });
      }
      expect(await approvals.get(who, before.id)).toEqual(before);
    }
  });

  test("a claim whose process died stays claimed, for as long as it takes, until somebody finishes it", async () => {
    const given = gate();
    const { approvals, clock, who } = given;
    const { id } = await inState("claimed", given);
    clock.pass(1000 * HOUR);
    await given.mark();
    expect((await approvals.list(who, { status: "claimed" })).approvals).toMatchObject([{ id }]);
    await expect(approvals.fail(who, id, { error: "lost", by: "someone else" })).resolves.toMatchObject({
      status: "failed",
      claim: { by: "worker" },
      outcome: { error: "lost", by: "someone else" },
    });
  });
});
