import assert from "node:assert/strict";
import { createApprovals } from "../../src/approvals/index.js";
import type { ConformanceCase } from "../harness/case.js";
import { anotherMillisecond, assertOneWinner, ROUNDS, severalOf } from "./several.js";

const CALL = { tool: "transfer", arguments: { to: "DE02", amount: 250 } };
const WAIT_MS = 5_000;

/** What approvals promise, as far as it depends on the store. */
export const approvalCases: readonly ConformanceCase[] = [
  {
    id: "approvals/decided-once",
    rule: "Of several stores that decide one request at once, one decides it, and the others are told ALREADY_DECIDED.",
    needs: "durable",
    async run(context) {
      const wrappers = await severalOf(context, createApprovals);
      const [first] = wrappers;
      for (let round = 0; round < ROUNDS; round++) {
        const owner = context.identity();
        const { approval } = await first.request(owner, CALL);
        const outcomes = await Promise.allSettled(
          wrappers.map((approvals, index) =>
            approvals.decide(owner, approval.id, {
              decision: index % 2 ? "approve" : "deny",
              by: `d-${index}`,
            }),
          ),
        );
        const winner = assertOneWinner(outcomes, "ALREADY_DECIDED", "decisions");
        const { decision } = await first.get(owner, approval.id);
        assert.equal(decision?.by, `d-${winner}`, "who decided");
      }
    },
  },
  {
    id: "approvals/claimed-once",
    rule: "Of several stores that claim one approved call at once, one gets it, and the others are told ALREADY_CLAIMED.",
    needs: "durable",
    async run(context) {
      const wrappers = await severalOf(context, createApprovals);
      const [first] = wrappers;
      for (let round = 0; round < ROUNDS; round++) {
        const owner = context.identity();
        const { approval } = await first.request(owner, CALL);
        await first.decide(owner, approval.id, { decision: "approve", by: "grace" });
        const outcomes = await Promise.allSettled(
          wrappers.map((approvals) => approvals.claim(owner, approval.id, CALL)),
        );
        assertOneWinner(outcomes, "ALREADY_CLAIMED", "claims");
      }
    },
  },
  {
    id: "approvals/listed-by-status",
    rule: "Requests are listed by status, newest first, under their session and their tenant, and in no other tenant.",
    async run({ store, tenant }) {
      const approvals = createApprovals(store);
      const [own, other] = [tenant(), tenant()];
      const owners = ["s-1", "s-2"].map((session) => ({ tenant: own, user: "user", session }));
      const ids: string[] = [];
      for (const owner of [...owners, ...owners]) {
        ids.unshift((await approvals.request(owner, CALL)).approval.id);
        await anotherMillisecond();
      }
      const [first = ""] = ids.slice(-1);
      await approvals.decide({ tenant: own, user: "user", session: "s-1" }, first, {
        decision: "deny",
        by: "grace",
      });
      const listed = async (where: Parameters<typeof approvals.list>[0], status: "pending" | "denied") =>
        (await approvals.list(where, { status })).approvals.map(({ id }) => id);
      assert.deepEqual(
        await listed({ tenant: own }, "pending"),
        ids.slice(0, -1),
        "pending ones of the tenant",
      );
      assert.deepEqual(await listed({ tenant: own }, "denied"), [first], "denied ones of the tenant");
      const [session] = owners as [(typeof owners)[number]];
      assert.deepEqual(await listed(session, "pending"), [ids[1]], "pending ones of the session");
      assert.deepEqual(await listed({ tenant: other }, "pending"), [], "pending ones of another tenant");
    },
  },
  {
    id: "approvals/wait-sees-others",
    rule: "Who waits for a decision gets it, also when another store made it.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const [here, there] = await severalOf(context, createApprovals);
      const { approval } = await here.request(owner, CALL);
      const waiting = here.wait(owner, approval.id, { timeoutMs: WAIT_MS });
      await there.decide(owner, approval.id, { decision: "approve", by: "grace" });
      assert.equal((await waiting).status, "approved", "what the wait ended with");
    },
  },
];
