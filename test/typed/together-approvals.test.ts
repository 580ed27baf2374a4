import { describe, expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { StateError } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { together, type Unit } from "../../src/typed/index.js";
import { withMethods } from "../sessions/rig.js";
import { newSession, onEveryStore } from "./stores.js";

const CALL = { tool: "pay", arguments: { amount: 1 } };

onEveryStore((opened) => {
  const approvals = () => createApprovals(opened.store);
  const sessions = () => createSessions(opened.store);

  const approved = async () => {
    const who = newSession();
    await sessions().create(who);
    await approvals().request(who, { ...CALL, id: "a" });
    await approvals().decide(who, "a", { decision: "approve", by: "grace" });
    return who;
  };

  test("a claim and an event, or none of both", async () => {
    const who = await approved();
    const claiming = (event: unknown) => async (unit: Unit) => {
      await sessions()
        .in(unit)
        .append(who, { id: "e", value: event as never });
      return approvals()
        .in(unit)
        .claim(who, "a", { ...CALL, token: "t" });
    };
    await sessions().append(who, { id: "e", value: "other" });
    await expect(together(opened.store, claiming("mine"))).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    expect((await approvals().get(who, "a")).status).toBe("approved");
    expect((await together(opened.store, claiming("other"))).status).toBe("claimed");
    // Again, as after a lost answer: the same claim.
    expect((await together(opened.store, claiming("other"))).status).toBe("claimed");
    const another = together(opened.store, async (unit) => {
      await sessions().in(unit).append(who, { value: "another" });
      await approvals()
        .in(unit)
        .claim(who, "a", { ...CALL, token: "u" });
    });
    await expect(another).rejects.toMatchObject({ code: "ALREADY_CLAIMED" });
    expect((await sessions().read(who)).map(({ value }) => value)).toEqual(["other"]);
  });

  test("every step of an approval, from request to outcome, in one unit, and lists that agree", async () => {
    const who = newSession();
    const asked: string[] = [];
    const gates = createApprovals(opened.store, {
      mayDecide: (approval) => {
        asked.push(approval.status);
        return true;
      },
    });
    const whole = async (unit: Unit) => {
      const mine = gates.in(unit);
      const { approval, duplicate } = await mine.request(who, { ...CALL, id: "a" });
      const decided = await mine.decide(who, "a", { decision: "approve", by: "grace", token: "d" });
      await expect(mine.claim(who, "a", { ...CALL, arguments: {} })).rejects.toMatchObject({
        code: "DIGEST_MISMATCH",
      });
      const claimed = await mine.claim(who, "a", { ...CALL, token: "c" });
      const done = await mine.complete(who, "a", { result: 1, token: "o" });
      const other = await mine.request(who, { ...CALL, id: "b" });
      await mine.cancel(who, "b", { by: "ann", token: "x" });
      return [duplicate, ...[approval, decided, claimed, done, other.approval].map(({ status }) => status)];
    };
    expect(await together(opened.store, whole)).toEqual([
      false,
      "pending",
      "approved",
      "claimed",
      "completed",
      "pending",
    ]);
    expect(asked).toEqual(["pending"]);
    const listed = async (where: Parameters<typeof gates.list>[0]) =>
      (await gates.list(where)).approvals.map(({ id, status }) => `${id} ${status}`).sort();
    expect(await listed(who)).toEqual(["a completed", "b cancelled"]);
    expect(await listed({ tenant: who.tenant })).toEqual(["a completed", "b cancelled"]);
    expect(await gates.get(who, "a")).toMatchObject({ decision: { by: "grace" }, outcome: { result: 1 } });
  });

  describe("a unit that comes again after a lost answer", () => {
    test("finds the request that it made, and the claim of an earlier token", async () => {
      const who = newSession();
      let lost = false;
      const store = withMethods(opened.store, {
        commit: async (...args) => {
          const receipt = await opened.store.commit(...args);
          if (lost) return receipt;
          lost = true;
          throw new StateError("UNAVAILABLE", "no", { details: { reason: "unreachable" } });
        },
      });
      const unit = (unit: Unit) =>
        createApprovals(store)
          .in(unit)
          .request(who, { ...CALL, id: "a" });
      await expect(together(store, unit)).rejects.toMatchObject({ code: "UNAVAILABLE" });
      expect(await together(store, unit)).toMatchObject({ duplicate: true, approval: { status: "pending" } });
      const other = together(store, (unit) =>
        createApprovals(store)
          .in(unit)
          .request(who, { ...CALL, tool: "other", id: "a" }),
      );
      await expect(other).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    });

    test("is NOT_FOUND when the session was erased since", async () => {
      const who = newSession();
      const unit = (unit: Unit) =>
        approvals()
          .in(unit)
          .request(who, { ...CALL, id: "a" });
      await together(opened.store, unit);
      await opened.store.erase(who);
      await expect(together(opened.store, unit)).rejects.toMatchObject({ code: "NOT_FOUND" });
    });
  });

  test("a request that is too large is refused, naming the field", async () => {
    const who = newSession();
    const large = together(opened.store, async (unit) => {
      const args = { text: "x".repeat(opened.store.limits.maxBytes - 20) };
      await approvals().in(unit).request(who, { tool: "t", arguments: args });
    });
    await expect(large).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field: "arguments" } });
  });

  test("approvals of another store, and a unit that is over", async () => {
    let kept: ReturnType<ReturnType<typeof approvals>["in"]> | undefined;
    const other = createApprovals(withMethods(opened.store, {}));
    await together(opened.store, (unit) => {
      kept = approvals().in(unit);
      expect(() => other.in(unit)).toThrow("unit must be");
    });
    await expect(kept?.cancel(newSession(), "a", { by: "ann" })).rejects.toMatchObject({
      details: { field: "unit" },
    });
  });
});
