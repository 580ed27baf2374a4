/** The process of the person who decides. It is told the store and the tenant, and nothing of the agent. */
import { openStore } from "groundstate";
import { createApprovals } from "groundstate/approvals";
import "groundstate/drivers";

const [url = "", tenant = ""] = process.argv.slice(2);
await using store = await openStore(url);
const approvals = createApprovals(store, { requireOtherDecider: true });
const { approvals: pending } = await approvals.list({ tenant }, { status: "pending" });
for (const { identity, id } of pending) {
  await approvals.decide(identity, id, { decision: "approve", by: "grace", reason: "looks right" });
}
process.send?.(pending.length);
process.disconnect?.();
