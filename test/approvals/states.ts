import type { Approval, Approvals } from "../../src/approvals/index.js";
import type { SessionIdentity } from "../../src/index.js";

/** A clock that stands still until it is moved. */
export class TestClock {
  time = Date.UTC(2026, 0, 1);

  readonly now = () => this.time;

  pass(ms: number): void {
    this.time += ms;
  }
}

export const CALL = { tool: "files.delete", arguments: { path: "/tmp/a", deep: [1, { b: null }] } };
export const HOUR = 3_600_000;

/** All states of an approval. The `overdue` ones have expired but are not marked. */
export const STATES = {
  pending: [],
  approved: ["approve"],
  denied: ["deny"],
  cancelled: ["cancel"],
  revoked: ["approve", "revoke"],
  "pending, overdue": ["pass"],
  "approved, overdue": ["approve", "pass"],
  "pending, marked": ["pass", "mark"],
  "approved, marked": ["approve", "pass", "mark"],
  claimed: ["approve", "claim"],
  completed: ["approve", "claim", "complete"],
  failed: ["approve", "claim", "fail"],
} as const;

export type State = keyof typeof STATES;

export const ACTIONS = {
  approve: (approvals: Approvals, who: SessionIdentity, id: string) =>
    approvals.decide(who, id, { decision: "approve", by: "bob", reason: "fine" }),
  deny: (approvals: Approvals, who: SessionIdentity, id: string) =>
    approvals.decide(who, id, { decision: "deny", by: "bob" }),
  cancel: (approvals: Approvals, who: SessionIdentity, id: string) =>
    approvals.cancel(who, id, { by: "ann", reason: "not needed" }),
  revoke: (approvals: Approvals, who: SessionIdentity, id: string) =>
    approvals.revoke(who, id, { by: "bob", reason: "the wrong one" }),
  extend: (approvals: Approvals, who: SessionIdentity, id: string) =>
    approvals.extend(who, id, { by: "ann", ttlMs: 5 * HOUR }),
  reassign: (approvals: Approvals, who: SessionIdentity, id: string) =>
    approvals.reassign(who, id, { assignee: "eve", by: "ann" }),
  claim: (approvals: Approvals, who: SessionIdentity, id: string) =>
    approvals.claim(who, id, { ...CALL, by: "worker" }),
  complete: (approvals: Approvals, who: SessionIdentity, id: string) =>
    approvals.complete(who, id, { result: { removed: 1 }, by: "worker" }),
  fail: (approvals: Approvals, who: SessionIdentity, id: string) =>
    approvals.fail(who, id, { error: "it broke", by: "worker" }),
};

export type Action = keyof typeof ACTIONS;

/** A new approval, brought into a state. */
export async function inState(
  state: State,
  {
    approvals,
    clock,
    who,
    mark,
  }: {
    approvals: Approvals;
    clock: TestClock;
    who: SessionIdentity;
    mark: () => Promise<unknown>;
  },
): Promise<Approval> {
  const { approval } = await approvals.request(who, { ...CALL, requester: "ann", ttlMs: HOUR });
  for (const step of STATES[state]) {
    if (step === "pass") clock.pass(HOUR);
    else if (step === "mark") await mark();
    else await ACTIONS[step](approvals, who, approval.id);
  }
  return approvals.get(who, approval.id);
}
