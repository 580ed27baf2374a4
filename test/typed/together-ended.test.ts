import { describe, expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { createToolCalls } from "../../src/tool-calls/index.js";
import { together, type Unit } from "../../src/typed/index.js";
import { newSession, onEveryStore } from "./stores.js";

const CALL = { tool: "t", arguments: { n: 1 } };

onEveryStore((opened) => {
  const approvals = () => createApprovals(opened.store);
  const calls = () => createToolCalls(opened.store);

  describe("a unit that begins and ends something happens once", () => {
    test("a tool call", async () => {
      const who = newSession();
      const unit = async (unit: Unit) => {
        const begun = await calls()
          .in(unit)
          .begin(who, { ...CALL, id: "call", token: "begin" });
        const ended = await calls().in(unit).succeed(who, "call", { result: 1, token: "end" });
        return [begun.status, ended.status];
      };
      expect(await together(opened.store, unit)).toEqual(["begun", "succeeded"]);
      expect(await together(opened.store, unit)).toEqual(["succeeded", "succeeded"]);
      expect((await calls().list(who)).calls).toHaveLength(1);
    });

    test("an approval that is claimed and completed", async () => {
      const who = newSession();
      const unit = async (unit: Unit) => {
        const gates = approvals().in(unit);
        await gates.request(who, { ...CALL, id: "gate" });
        await gates.decide(who, "gate", { decision: "approve", by: "grace", token: "decide" });
        const claimed = await gates.claim(who, "gate", { ...CALL, token: "claim" });
        const ended = await gates.complete(who, "gate", { token: "end" });
        return [claimed.status, ended.status];
      };
      expect(await together(opened.store, unit)).toEqual(["claimed", "completed"]);
      expect(await together(opened.store, unit)).toEqual(["completed", "completed"]);
    });
  });

  describe("a unit that only begins what has ended since is refused, for the caller would do it again", () => {
    test("a tool call", async () => {
      const who = newSession();
      const begin = (unit: Unit) =>
        calls()
          .in(unit)
          .begin(who, { ...CALL, id: "call", token: "begin" });
      await together(opened.store, begin);
      expect((await together(opened.store, begin)).status).toBe("begun");
      await calls().succeed(who, "call", { result: 1, token: "end" });
      await expect(together(opened.store, begin)).rejects.toMatchObject({ code: "ALREADY_BEGUN" });
      const endsOtherwise = async (unit: Unit) => {
        await begin(unit);
        await calls().in(unit).fail(who, "call", { error: "no", token: "other end" });
      };
      await expect(together(opened.store, endsOtherwise)).rejects.toMatchObject({ code: "ALREADY_FINISHED" });
      const goesOn = async (unit: Unit) => {
        const changed = { ...CALL, arguments: { n: 2 }, id: "call", token: "begin" };
        await calls()
          .in(unit)
          .begin(who, changed)
          .catch(() => {});
        await approvals()
          .in(unit)
          .request(who, { ...CALL, id: "gate" });
      };
      await together(opened.store, goesOn);
      expect((await approvals().get(who, "gate")).status).toBe("pending");
      const other = (unit: Unit) =>
        calls()
          .in(unit)
          .begin(who, { ...CALL, id: "call", token: "another" });
      await expect(together(opened.store, other)).rejects.toMatchObject({ code: "ALREADY_BEGUN" });
    });

    test("an approval", async () => {
      const who = newSession();
      await approvals().request(who, { ...CALL, id: "gate" });
      await approvals().decide(who, "gate", { decision: "approve", by: "grace" });
      const claim = (unit: Unit) =>
        approvals()
          .in(unit)
          .claim(who, "gate", { ...CALL, token: "claim" });
      await together(opened.store, claim);
      expect((await together(opened.store, claim)).status).toBe("claimed");
      await approvals().complete(who, "gate");
      await expect(together(opened.store, claim)).rejects.toMatchObject({ code: "ALREADY_CLAIMED" });
    });
  });
});
