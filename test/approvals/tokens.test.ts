import { expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { losingAnswers } from "../typed/lost-answers.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { CALL, HOUR, TestClock } from "./states.js";

const APPROVE = { decision: "approve", by: "bob" } as const;

onEveryStore((opened) => {
  const gate = (options = {}) => createApprovals(opened.store, options);

  test("a call with a lost answer is repeated; other content under the token is refused with the winner", async () => {
    const approvals = gate();
    const who = newSession();
    await approvals.request(who, { ...CALL, id: "a" });
    const decision = { ...APPROVE, reason: "fine", token: "t1" };
    const decided = await approvals.decide(who, "a", decision);
    expect(await approvals.decide(who, "a", decision)).toEqual(decided);
    for (const other of [
      { ...decision, decision: "deny" as const },
      { ...decision, by: "eve" },
      { ...decision, token: "t2" },
      { decision: "approve" as const, by: "bob" },
    ]) {
      await expect(approvals.decide(who, "a", other)).rejects.toMatchObject({
        code: "ALREADY_DECIDED",
        details: { winner: decided.decision },
      });
    }
    const claim = { ...CALL, by: "w1", token: "t3" };
    const claimed = await approvals.claim(who, "a", claim);
    expect(await approvals.claim(who, "a", claim)).toEqual(claimed);
    for (const other of [
      { ...claim, by: "w2" },
      { ...claim, token: "t4" },
      { ...CALL, by: "w1" },
    ]) {
      await expect(approvals.claim(who, "a", other)).rejects.toMatchObject({ code: "ALREADY_CLAIMED" });
    }
    await expect(approvals.claim(who, "a", { ...claim, tool: "x" })).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
    });
    const outcome = { result: { b: 1, a: [2] }, by: "w1", token: "t5" };
    const completed = await approvals.complete(who, "a", outcome);
    expect(await approvals.complete(who, "a", { ...outcome, result: { a: [2], b: 1 } })).toEqual(completed);
    await expect(approvals.complete(who, "a", { ...outcome, result: {} })).rejects.toMatchObject({
      code: "ALREADY_FINISHED",
      details: { outcome: completed.outcome },
    });
    await expect(approvals.fail(who, "a", { error: "x", by: "w1", token: "t5" })).rejects.toMatchObject({
      code: "ALREADY_FINISHED",
    });
    // The call was made: whoever asks for the claim again must not make it a second time.
    await expect(approvals.claim(who, "a", claim)).rejects.toMatchObject({ code: "ALREADY_CLAIMED" });
    expect(JSON.stringify(await approvals.get(who, "a"))).not.toContain("t3");
  });

  test("a decision that is made again with another time is another one", async () => {
    const approvals = gate();
    const who = newSession();
    for (const [id, before, other] of [
      ["a", { ttlMs: HOUR }, { ttlMs: HOUR + 1 }],
      ["b", { ttlMs: HOUR }, {}],
      ["c", {}, { ttlMs: HOUR }],
    ] as const) {
      await approvals.request(who, { ...CALL, id });
      const decision = { ...APPROVE, token: "t" };
      const decided = await approvals.decide(who, id, { ...decision, ...before });
      expect(await approvals.decide(who, id, { ...decision, ...before })).toEqual(decided);
      await expect(approvals.decide(who, id, { ...decision, ...other })).rejects.toMatchObject({
        code: "ALREADY_DECIDED",
        details: { winner: { status: "approved", by: "bob", at: expect.any(Date) } },
      });
      expect(await approvals.get(who, id)).toEqual(decided);
      expect(decided.decision).toEqual({ status: "approved", by: "bob", at: expect.any(Date) });
    }
  });

  test("a claim that happened is confirmed after its time, too", async () => {
    const clock = new TestClock();
    const approvals = gate({ clock: clock.now });
    const who = newSession();
    await approvals.request(who, { ...CALL, id: "a", ttlMs: HOUR });
    await approvals.decide(who, "a", APPROVE);
    const claim = { ...CALL, token: "t" };
    const claimed = await approvals.claim(who, "a", claim);
    clock.pass(2 * HOUR);
    expect(await approvals.claim(who, "a", claim)).toEqual(claimed);
  });

  test("without a token an unknown outcome is not said to be repeatable", async () => {
    const who = newSession();
    await gate().request(who, { ...CALL, id: "a" });
    const dead = createApprovals(losingAnswers(opened.store, { requests: 1, replies: 0 }));
    await expect(dead.decide(who, "a", APPROVE)).rejects.toMatchObject({
      code: "OUTCOME_UNKNOWN",
      retryable: false,
    });
    expect(await gate().get(who, "a")).toMatchObject({ status: "pending" });
  });
});
