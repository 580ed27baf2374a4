import { expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { CALL } from "./states.js";

onEveryStore((opened) => {
  const gate = (options = {}) => createApprovals(opened.store, options);

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
});
