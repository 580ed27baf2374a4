import { isStateError, type StateStore } from "groundstate";
import { type Approval, createApprovals } from "groundstate/approvals";
import { createLedger, type Usage, type UsageSummary } from "groundstate/ledger";
import type { Entry } from "groundstate/typed";
import { sessionsOf, stepId } from "./conversation.js";
import { callBeyondBudget } from "./costs.js";
import type { Step } from "./recorded-run.js";
import { type Run, sessionOf } from "./run.js";

/** What the store says about one run, read back from it. */
export interface Stored {
  readonly status: string;
  readonly events: readonly Entry<Step>[];
  /** How many of them equal the recorded steps. */
  readonly asRecorded: number;
  readonly approval: Approval;
  /** Of this session. */
  readonly used: Usage;
  /** Of the whole tenant, earlier runs included, by model. */
  readonly costs: UsageSummary;
  /** The error code that a call beyond the budget gets. */
  readonly beyondBudget: string;
}

/** What another tenant gets for the same user, session and approval. */
export interface Elsewhere {
  readonly sessions: number;
  readonly events: string;
  readonly approval: string;
  readonly calls: number;
}

export async function readBack(
  store: StateStore,
  run: Run,
  recorded: readonly Step[],
  gate: number,
): Promise<Stored> {
  const owner = sessionOf(run);
  const ledger = createLedger(store);
  const { status } = await sessionsOf(store).get(owner);
  const events = await sessionsOf(store).read(owner);
  return {
    status,
    events,
    asRecorded: events.filter(({ number, value }) => isEqual(value, recorded[number - 1])).length,
    approval: await createApprovals(store).get(owner, stepId(owner, gate)),
    used: await ledger.totals(owner),
    costs: await ledger.summarize({ tenant: run.tenant }, { by: "model" }),
    beyondBudget: await callBeyondBudget(ledger, run),
  };
}

export async function readAs(store: StateStore, other: Run, gate: number): Promise<Elsewhere> {
  const owner = sessionOf(other);
  const { sessions } = await sessionsOf(store).list({ tenant: other.tenant, user: other.user });
  return {
    sessions: sessions.length,
    events: await codeOf(sessionsOf(store).read(owner)),
    approval: await codeOf(createApprovals(store).get(owner, stepId(owner, gate))),
    calls: (await createLedger(store).totals({ tenant: other.tenant })).calls,
  };
}

function isEqual(step: Step, other: Step | undefined): boolean {
  return JSON.stringify(step) === JSON.stringify(other);
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "found";
  } catch (error) {
    if (isStateError(error)) return error.code;
    throw error;
  }
}
