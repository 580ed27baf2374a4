import { describe, expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { isStateError, maintenanceScope } from "../../src/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { ACTIONS, type Action, CALL, HOUR, inState, STATES, type State, TestClock } from "./states.js";

/** What each action answers in each state: a status, or an error code. */
const OUTCOMES: Record<State, Record<Action, string>> = {
  pending: row({
    ...{ approve: "approved", deny: "denied", cancel: "cancelled" },
    ...{ revoke: "NOT_DECIDED", extend: "pending", reassign: "pending" },
    ...{ claim: "NOT_DECIDED", complete: "NOT_CLAIMED", fail: "NOT_CLAIMED" },
  }),
  approved: row({
    ...{ approve: "ALREADY_DECIDED", deny: "ALREADY_DECIDED", cancel: "ALREADY_DECIDED" },
    ...{ revoke: "revoked", extend: "approved", reassign: "ALREADY_DECIDED" },
    ...{ claim: "claimed", complete: "NOT_CLAIMED", fail: "NOT_CLAIMED" },
  }),
  denied: settled(),
  cancelled: settled(),
  revoked: settled(),
  "pending, overdue": expired("EXPIRED"),
  "approved, overdue": expired("ALREADY_DECIDED"),
  "pending, marked": expired("EXPIRED"),
  "approved, marked": expired("ALREADY_DECIDED"),
  claimed: { ...taken(), complete: "completed", fail: "failed" },
  completed: taken(),
  failed: taken(),
};

function isRefusal(outcome: unknown): boolean {
  return typeof outcome !== "string" || outcome === outcome.toUpperCase();
}

function row(answers: Record<Action, string>) {
  return answers;
}

function all(code: string) {
  return Object.fromEntries(Object.keys(ACTIONS).map((action) => [action, code])) as Record<Action, string>;
}

function settled() {
  return row({ ...all("ALREADY_DECIDED"), complete: "NOT_CLAIMED", fail: "NOT_CLAIMED" });
}

function expired(decided: string) {
  const deciding = { approve: decided, deny: decided, cancel: decided, reassign: decided };
  return row({ ...all("EXPIRED"), ...deciding, complete: "NOT_CLAIMED", fail: "NOT_CLAIMED" });
}

function taken() {
  return row({
    ...all("ALREADY_DECIDED"),
    ...{ revoke: "ALREADY_CLAIMED", extend: "ALREADY_CLAIMED", claim: "ALREADY_CLAIMED" },
    ...{ complete: "ALREADY_FINISHED", fail: "ALREADY_FINISHED" },
  });
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
      if (outcome === OUTCOMES[state][action] && !isRefusal(outcome)) {
        expect(after.status).toBe(outcome);
        return;
      }
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
          "revoked",
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
    const revoked = await inState("revoked", given);
    await expect(ACTIONS.claim(approvals, who, revoked.id)).rejects.toMatchObject({
      details: { winner: { status: "revoked", by: "bob", reason: "the wrong one", at } },
    });
    expect(revoked).toMatchObject({ decision: { status: "approved" }, revocation: { by: "bob", at } });
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

  test("an extension gives more time and never less, to a decision and to a claim", async () => {
    const { approvals, clock, who, mark } = gate();
    await approvals.request(who, { ...CALL, id: "a", ttlMs: HOUR });
    const extend = (ttlMs: number) => approvals.extend(who, "a", { by: "ann", reason: "holiday", ttlMs });
    expect((await extend(10)).expiresAt).toEqual(new Date(clock.time + HOUR));
    expect(await extend(2 * HOUR)).toMatchObject({
      expiresAt: new Date(clock.time + 2 * HOUR),
      extension: { by: "ann", reason: "holiday", ttlMs: 2 * HOUR, at: new Date(clock.time) },
    });
    clock.pass(HOUR);
    // What the lists say about expiry has moved, too.
    expect(await mark()).toBe(0);
    expect((await approvals.list(who, { status: "pending" })).approvals).toHaveLength(1);
    await approvals.decide(who, "a", { decision: "approve", by: "bob", ttlMs: 10 });
    await extend(HOUR);
    clock.pass(HOUR - 1);
    await expect(ACTIONS.claim(approvals, who, "a")).resolves.toMatchObject({ status: "claimed" });
  });

  test("who should decide is shown, can be changed, and can be nobody", async () => {
    const { approvals, who } = gate();
    await approvals.request(who, { ...CALL, id: "a", assignee: "bob" });
    expect(await approvals.get(who, "a")).toMatchObject({ assignee: "bob" });
    const reassign = (assignee: string | null, token: string) =>
      approvals.reassign(who, "a", { assignee, by: "ann", token });
    expect(await reassign("eve", "t1")).toMatchObject({ assignee: "eve", assignment: { by: "ann" } });
    expect(await reassign(null, "t2")).not.toHaveProperty("assignee");
    const last = await reassign("bob", "t3");
    expect(await reassign("bob", "t3")).toEqual(last);
    // The same request is a duplicate, whoever should decide by now.
    expect(await approvals.request(who, { ...CALL, id: "a", assignee: "bob" })).toMatchObject({
      duplicate: true,
    });
    await ACTIONS.approve(approvals, who, "a");
    expect(await approvals.get(who, "a")).toMatchObject({ assignee: "bob", status: "approved" });
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
