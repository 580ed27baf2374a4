import { createApprovals } from "../../../dist/src/approvals/index.js";
import { expectCount, inTurn, type TypedWork } from "./typed-work.js";

const CALL = { tool: "transfer", arguments: { to: "a".repeat(150), amount: 250 } };

/** An approval from its request to the end of its call. */
export const decideApprovals: TypedWork = {
  calls: 4,
  async open(store, identities) {
    const approvals = createApprovals(store);
    const next = inTurn(identities);
    return {
      async run() {
        const identity = next();
        const { approval } = await approvals.request(identity, CALL);
        await approvals.decide(identity, approval.id, { decision: "approve", by: "grace" });
        await approvals.claim(identity, approval.id, CALL);
        await approvals.complete(identity, approval.id);
      },
      async check(done) {
        const { tenant = "" } = identities[0] ?? {};
        const { approvals: newest } = await approvals.list({ tenant }, { limit: 1 });
        expectCount("completed approvals", newest[0]?.status === "completed" ? done : 0, done);
      },
    };
  },
};
