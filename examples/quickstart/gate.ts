/** A step that a person has to allow: asked for, decided in another process, carried out once. */
import { isStateError, maintenanceScope, type Identity, type StateStore } from "groundstate";
import { type Approvals, createApprovals } from "groundstate/approvals";
import type { Step } from "./recorded-run.js";

/** Asks for a step; asked once more after a crash, it is the same request. */
export async function ask(approvals: Approvals, run: Identity, id: string, step: Step): Promise<void> {
  const { tenant, user, session } = run;
  await approvals.request(
    { tenant, user, session },
    { ...callOf(step), id, run: run.run, requester: user, sideEffect: "writes", question: "May the agent do this?" },
  );
}

/**
 * Waits for the decision and claims the approval for exactly this call. What a second claim is told: an approval is
 * good for one execution.
 */
export async function claimOnce(approvals: Approvals, run: Identity, id: string, step: Step): Promise<string> {
  const { tenant, user, session } = run;
  const owner = { tenant, user, session };
  const { status } = await approvals.wait(owner, id);
  if (status === "denied" || status === "expired") throw new Error(`the step was ${status}`);
  // The token makes it the same claim when the agent starts again and does not know how far it came.
  await approvals.claim(owner, id, { ...callOf(step), by: "agent", token: id });
  try {
    await approvals.claim(owner, id, { ...callOf(step), by: "somebody else" });
    return "claimed twice";
  } catch (error) {
    if (isStateError(error)) return error.code;
    throw error;
  }
}

export async function done(approvals: Approvals, run: Identity, id: string, step: Step): Promise<void> {
  const { tenant, user, session } = run;
  await approvals.complete({ tenant, user, session }, id, { result: step.observation.length, by: "agent", token: id });
}

/** What a person does, in a process of their own: finds what waits for a decision, whoever asked, and decides it. */
export async function approveAll(store: StateStore, tenant: string): Promise<number> {
  const approvals = createApprovals(store, { requireOtherDecider: true });
  let decided = 0;
  const scope = maintenanceScope({ reason: "show what waits for a decision", tenant });
  for await (const { identity, id } of approvals.recover(scope)) {
    await approvals.decide(identity, id, { decision: "approve", by: "grace", reason: "looks right" });
    decided++;
  }
  return decided;
}

function callOf({ action, thought }: Step) {
  return { tool: "shell", arguments: { action, thought } };
}
