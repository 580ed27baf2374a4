import { isStateError } from "groundstate";
import type { Approval } from "groundstate/approvals";
import type { Usage, UsageSummary } from "groundstate/ledger";
import type { Lease, Run as RunRecord, RunStep } from "groundstate/runs";
import type { ToolCall } from "groundstate/tool-calls";
import type { Entry } from "groundstate/typed";
import { shellCall } from "./permission.js";
import type { Step } from "./recorded-run.js";
import { keyOf, type Run, type State, sessionOf } from "./run.js";

/** What the store says about one run, read back from it. */
export interface Stored {
  readonly status: string;
  readonly run: RunRecord;
  readonly steps: readonly RunStep[];
  readonly events: readonly Entry<Step>[];
  /** How many of them equal the recorded steps. */
  readonly asRecorded: number;
  readonly approval: Approval;
  /** What the approval was for. */
  readonly command: ToolCall;
  /** Of this session. */
  readonly used: Usage;
  /** Of the whole tenant, earlier runs included, by model. */
  readonly costs: UsageSummary;
  /** The error codes that come of what must not be: a write of an agent that was killed, and so on. */
  readonly refused: { readonly dead: string; readonly secondClaim: string; readonly beyondBudget: string };
}

/** What another tenant gets for the same user, session and approval. */
export interface Elsewhere {
  readonly sessions: number;
  readonly run: string;
  readonly events: string;
  readonly approval: string;
  readonly calls: number;
}

export async function readBack(
  state: State,
  run: Run,
  recorded: readonly Step[],
  gate: number,
  dead: Lease,
): Promise<Stored> {
  const owner = sessionOf(run);
  const { sessions, runs, ledger, approvals, toolCalls } = state;
  const events = (await sessions.read(owner)).filter((event) => event.redacted === undefined);
  const approval = await approvals.get(owner, keyOf(gate));
  return {
    status: (await sessions.get(owner)).status,
    run: await runs.get(owner, run.run),
    steps: await allSteps(state, run),
    events,
    asRecorded: events.filter(({ number, value }) => isEqual(value, recorded[number - 1])).length,
    approval,
    command: await toolCalls.get(owner, keyOf(gate)),
    used: await ledger.totals(owner),
    costs: await ledger.summarize({ tenant: run.tenant }, { by: "model" }),
    refused: {
      dead: await codeOf(runs.step(dead, "one more", () => {})),
      secondClaim: await codeOf(
        approvals.claim(owner, approval.id, shellCall((recorded[gate - 1] as Step).action)),
      ),
      beyondBudget: await codeOf(ledger.reserve(run, { calls: 1 })),
    },
  };
}

export async function readAs(state: State, other: Run, gate: number): Promise<Elsewhere> {
  const owner = sessionOf(other);
  const { sessions } = await state.sessions.list({ tenant: other.tenant, user: other.user });
  return {
    sessions: sessions.length,
    run: await codeOf(state.runs.get(owner, other.run)),
    events: await codeOf(state.sessions.read(owner)),
    approval: await codeOf(state.approvals.get(owner, keyOf(gate))),
    calls: (await state.ledger.totals({ tenant: other.tenant })).calls,
  };
}

async function allSteps({ runs }: State, run: Run): Promise<RunStep[]> {
  const all: RunStep[] = [];
  for await (const step of runs.allSteps(sessionOf(run), run.run)) all.push(step);
  return all;
}

function isEqual(step: Step, other: Step | undefined): boolean {
  return JSON.stringify(step) === JSON.stringify(other);
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "granted";
  } catch (error) {
    if (isStateError(error)) return error.code;
    throw error;
  }
}
