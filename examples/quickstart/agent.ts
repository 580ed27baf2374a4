/**
 * The process that gets killed: it works through a recorded run, turn by turn. It has no logic of its own for going on
 * after a crash: each turn is a step of the run, and a step whose result is kept is not done again.
 */
import { once } from "node:events";
import "groundstate/drivers";
import type { Lease, StepContext } from "groundstate/runs";
import { openRuntime } from "groundstate/runtime";
import { allowed, ask, shellCall } from "./permission.js";
import { type ModelCall, readRun, type Step } from "./recorded-run.js";
import { type About, keyOf, type Run, sessionOf } from "./run.js";

/** What the agent is started with. */
export interface Job {
  readonly store: string;
  readonly path: string;
  readonly run: Run;
  /** The turn whose command a person has to allow. */
  readonly gate: number;
}

/** What the agent reports to the process that started it, before it waits to go on. */
export type News =
  | { readonly is: "claimed"; readonly lease: Lease }
  | { readonly is: "done" | "kept" | "asked" | "begun" | "orphan"; readonly turn: number };

/** How long the run stays with an agent that was killed, and how long the next one waits for it at most. */
const LEASE_MS = 1000;
const WAIT_MS = 60_000;

/** The process that started the agent is gone, so nothing would tell it to go on. */
const orphaned = () => process.exit();
process.on("disconnect", orphaned);

const { store: url, path, run, gate } = JSON.parse(process.argv[2] ?? "") as Job;
const recorded = await readRun(path);
// What a person has to allow cannot begin without an approval of exactly this call.
await using state = await openRuntime<About, Step>(url, { toolCalls: { policy: () => "approve" } });
const { runs, sessions, ledger, toolCalls } = state;
const session = sessionOf(run);

const worker = { worker: `agent ${process.pid}`, leaseMs: LEASE_MS };
const { lease } = await runs.claim(session, run.run, worker, { waitMs: WAIT_MS });
await send({ is: "claimed", lease });
// Where the run was taken over, the next step is FENCED and says so.
await runs.renewWhile(lease, { leaseMs: LEASE_MS }, workThrough);
await state.together(async (unit) => {
  await sessions.in(unit).close(session);
  await runs.in(unit).complete(lease);
});
process.off("disconnect", orphaned);
process.disconnect?.();

/** All turns, each a step: what an agent before this one has done is not done again. */
async function workThrough(): Promise<void> {
  await decideOrphans();
  for (const [index, turn] of recorded.steps.entries()) {
    const call = recorded.calls[index] as ModelCall;
    const { ran } = await runs.keepStep(lease, keyOf(index + 1), (step) => work(step, index + 1, turn, call));
    await send({ is: ran ? "done" : "kept", turn: index + 1 });
  }
}

/** Says what came of calls whose agent was killed before it could: `once` makes none of them again. */
async function decideOrphans(): Promise<void> {
  for (const { id } of (await toolCalls.orphans(run)).calls) {
    await send({ is: "orphan", turn: gate });
    // Here a runtime looks whether the command has had its effect. This one had: what came of it is recorded.
    await toolCalls.succeed(session, id, { result: turnAtGate().observation, by: "agent" });
  }
}

/** One turn: the model is asked, what it wants is done, and all that comes of it is one commit with the step's result. */
async function work(step: StepContext, number: number, turn: Step, call: ModelCall): Promise<void> {
  const tokens = call.promptTokens + call.completionTokens;
  // The same id after a crash is the same reservation.
  const { id } = await ledger.reserve(run, { id: step.key, calls: 1, tokens });
  // Here a runtime asks its model and does what that wants; this one has it recorded.
  const observation = number === gate ? await runAllowed(step.key) : turn.observation;
  step.use({ tokens, ...(call.cost && { cost: call.cost }) });
  step.together(async (unit) => {
    await sessions.in(unit).append(session, { id: step.key, value: { ...turn, observation } });
    await ledger.in(unit).settle(run, id, { ...call, runName: "quickstart" });
  });
}

/** Runs a command that a person allows: once, whatever happens to the agent. Returns what came of it. */
async function runAllowed(key: string): Promise<string> {
  const { action, observation } = turnAtGate();
  await ask(state, run, key, action);
  await send({ is: "asked", turn: gate });
  await allowed(state, run, key);
  const call = { ...shellCall(action), id: key, run: run.run, step: key, approval: key };
  return toolCalls.once(session, call, async () => {
    // Here a runtime runs the command.
    await send({ is: "begun", turn: gate });
    return observation;
  });
}

function turnAtGate(): Step {
  return recorded.steps[gate - 1] as Step;
}

async function send(news: News): Promise<void> {
  if (!process.connected) orphaned();
  process.send?.(news);
  await once(process, "message");
}
