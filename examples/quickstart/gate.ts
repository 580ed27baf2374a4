/** A step that a person has to allow: asked for, decided in another process, carried out once. */
import { isStateError, type StateStore } from "groundstate";
import { type Approvals, createApprovals } from "groundstate/approvals";
import type { Step } from "./recorded-run.js";
import { type Run, sessionOf } from "./run.js";

/** Asks for a step; asked once more after a crash, it is the same request. */
export async function ask(approvals: Approvals, run: Run, id: string, step: Step): Promise<void> {
  await approvals.request(sessionOf(run), {
    ...callOf(step),
    id,
    run: run.run,
    requester: run.user,
    sideEffect: "writes",
    question: "May the agent do this?",
  });
}

/**
 * Waits for the decision and claims the approval for exactly this call. Returns the error code that a second claim gets:
 * an approval is good for one execution.
 */
export async function claimOnce(approvals: Approvals, run: Run, id: string, step: Step): Promise<string> {
  const owner = sessionOf(run);
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

export async function done(approvals: Approvals, run: Run, id: string, step: Step): Promise<void> {
  await approvals.complete(sessionOf(run), id, { result: step.observation.length, by: "agent", token: id });
}

/** What a person does, in a process of their own: lists the pending approvals of all users and approves them. */
export async function approveAll(store: StateStore, tenant: string): Promise<number> {
  const approvals = createApprovals(store, { requireOtherDecider: true });
  const { approvals: pending } = await approvals.list({ tenant }, { status: "pending" });
  for (const { identity, id } of pending) {
    await approvals.decide(identity, id, { decision: "approve", by: "grace", reason: "looks right" });
  }
  return pending.length;
}

function callOf({ action }: Step) {
  return { tool: "shell", arguments: { command: action } };
}
