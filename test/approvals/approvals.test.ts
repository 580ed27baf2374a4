import { expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { newEventId } from "../../src/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { ACTIONS, CALL, inState, TestClock } from "./states.js";

/** Expects that all calls are rejected with this error. */
async function expectAll(calls: readonly Promise<unknown>[], refusal: object): Promise<void> {
  for (const answer of await Promise.allSettled(calls)) {
    expect(answer).toMatchObject({ status: "rejected", reason: refusal });
  }
}

onEveryStore((opened) => {
  const gate = (options = {}) => createApprovals(opened.store, options);

  test("no other identity reaches an approval, and the error is the same as for a missing one", async () => {
    const approvals = gate();
    const who = { ...newSession(), user: "ann", session: "s1" };
    const { approval } = await approvals.request(who, { ...CALL, id: "call-1" });
    const others = [
      { ...who, tenant: `${who.tenant}2` },
      { ...who, user: "bob" },
      { ...who, session: "s2" },
      { ...who, user: "ann/s1" },
    ];
    for (const other of others) {
      const calls = [
        approvals.get(other, "call-1"),
        approvals.wait(other, "call-1"),
        ...Object.values(ACTIONS).map((act) => act(approvals, other, "call-1")),
      ];
      await expectAll(calls, { code: "NOT_FOUND", details: {} });
      expect(await approvals.find(other, "call-1")).toBeUndefined();
      expect((await approvals.list(other)).approvals).toEqual([]);
      // The same id is free for everybody.
      expect(
        (await approvals.request(other, { ...CALL, id: "call-1", question: other.user })).duplicate,
      ).toBe(false);
    }
    expect(await approvals.get(who, "call-1")).toEqual(approval);
    await expect(approvals.get(who, newEventId())).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("one of many decisions wins, and all others are told which", async () => {
    const who = newSession();
    await gate().request(who, { ...CALL, id: "a" });
    const decisions = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        gate().decide(who, "a", { decision: n % 2 ? "approve" : "deny", by: `p${n}` }),
      ),
    );
    const { decision } = await gate().get(who, "a");
    expect(decisions.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const answer of decisions) {
      if (answer.status === "fulfilled") expect(answer.value.decision).toEqual(decision);
      else expect(answer.reason).toMatchObject({ code: "ALREADY_DECIDED", details: { winner: decision } });
    }
  });

  test("a damaged approval is CORRUPT and names its slot, in every method", async () => {
    const approvals = gate();
    const clock = new TestClock();
    for (const state of ["pending", "completed"] as const) {
      const who = newSession();
      const given = { approvals: gate({ clock: clock.now }), clock, who, mark: async () => {} };
      const { id } = await inState(state, given);
      const kind = `approval/${id}`;
      const { bytes } = await opened.store.load(who, kind);
      const stored = JSON.parse(Buffer.from(bytes).toString());
      const damages = [
        "",
        "null",
        "{}",
        { ...stored, status: "open" },
        { ...stored, status: "approved" },
        { ...stored, status: "denied" },
        { ...stored, digest: "0".repeat(63) },
        { ...stored, request: { ...stored.request, arguments: { path: "/" } } },
        { ...stored, request: { ...stored.request, ttlMs: undefined } },
        { ...stored, expiresAt: "2030" },
        { ...stored, requestedAt: undefined },
        { ...stored, decision: { by: "bob", at: 1 } },
        { ...stored, outcome: {} },
      ];
      for (const damage of damages) {
        const text = typeof damage === "string" ? damage : JSON.stringify(damage);
        await opened.store.save({ eventId: newEventId(), identity: who, kind, bytes: Buffer.from(text) });
        const calls = [
          approvals.get(who, id),
          approvals.find(who, id),
          approvals.list({ tenant: who.tenant }),
          approvals.wait(who, id),
          ...Object.values(ACTIONS).map((act) => act(approvals, who, id)),
        ];
        await expectAll(calls, { code: "CORRUPT", details: { at: { identity: who, kind } } });
      }
    }
  });
});
