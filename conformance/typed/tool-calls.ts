import assert from "node:assert/strict";
import { createApprovals } from "../../src/approvals/index.js";
import { createToolCalls } from "../../src/tool-calls/index.js";
import { refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { assertOneWinner, ROUNDS, severalOf, severalStores } from "./several.js";

const CALL = { tool: "transfer", arguments: { to: "DE02", amount: 250 } };

/** What the record of tool calls promises, as far as it depends on the store. */
export const toolCallCases: readonly ConformanceCase[] = [
  {
    id: "tool-calls/begun-once",
    rule: "Of several stores that begin one tool call at once, one may make it, and the others are told ALREADY_BEGUN.",
    needs: "durable",
    async run(context) {
      const wrappers = await severalOf(context, createToolCalls);
      for (let round = 0; round < ROUNDS; round++) {
        const owner = context.identity();
        const outcomes = await Promise.allSettled(
          wrappers.map((calls) => calls.begin(owner, { ...CALL, id: "call" })),
        );
        assertOneWinner(outcomes, "ALREADY_BEGUN", "calls");
      }
    },
  },
  {
    id: "tool-calls/begin-claims",
    rule: "Of two tool calls that stores begin at once on one approval, one is begun, and of the other there is no record.",
    needs: "durable",
    async run(context) {
      const stores = await severalStores(context);
      const approvals = createApprovals(context.store);
      for (let round = 0; round < ROUNDS; round++) {
        const owner = context.identity();
        const { approval } = await approvals.request(owner, CALL);
        await approvals.decide(owner, approval.id, { decision: "approve", by: "grace" });
        const outcomes = await Promise.allSettled(
          stores.map((store, index) =>
            createToolCalls(store).begin(owner, { ...CALL, id: `call-${index}`, approval: approval.id }),
          ),
        );
        const winner = assertOneWinner(outcomes, "ALREADY_CLAIMED", "calls");
        const { calls } = await createToolCalls(context.store).list(owner);
        assert.deepEqual(
          calls.map(({ id }) => id),
          [`call-${winner}`],
          "calls that are recorded",
        );
      }
    },
  },
  {
    id: "tool-calls/orphan-is-found",
    rule: "A call that one store began is an orphan for another, is not begun again, and no orphan once its outcome is known.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const [dead, next] = await severalOf(context, createToolCalls);
      await dead.begin(owner, { ...CALL, id: "call" });
      const ids = async () => (await next.orphans(owner)).calls.map(({ id }) => id);
      assert.deepEqual(await ids(), ["call"], "orphans");
      await refused("ALREADY_BEGUN", "the call begun again", () =>
        next.begin(owner, { ...CALL, id: "call" }),
      );
      await next.succeed(owner, "call", { result: "T-1" });
      assert.deepEqual(await ids(), [], "orphans, once the outcome is known");
    },
  },
];
