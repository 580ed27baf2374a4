/**
 * The process that gets killed: it works through a recorded run, turn by turn. It has no logic of its own for going on
 * after a crash: each turn is a step of the run, and a step whose result is kept is not done again.
 */
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { isStateError, openStore } from "groundstate";
import { createApprovals } from "groundstate/approvals";
import "groundstate/drivers";
import { createLedger } from "groundstate/ledger";
import { createRuns, type Lease, type StepContext } from "groundstate/runs";
import { together } from "groundstate/typed";
import { allowed, ask, shellCall } from "./permission.js";
import { type ModelCall, readRun, type Step } from "./recorded-run.js";
import { keyOf, type Run, sessionOf, sessionsOf } from "./run.js";

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
  | { readonly is: "done" | "kept" | "asked"; readonly turn: number };

/** How long the run stays with an agent that was killed. */
const LEASE_MS = 1000;

/** The process that started the agent is gone, so nothing would tell it to go on. */
const orphaned = () => process.exit();
process.on("disconnect", orphaned);

const { store: url, path, run, gate } = JSON.parse(process.argv[2] ?? "") as Job;
const recorded = await readRun(path);
await using store = await openStore(url);
const [runs, sessions, ledger] = [createRuns(store), sessionsOf(store), createLedger(store)];
const session = sessionOf(run);

const lease = await claim();
await send({ is: "claimed", lease });
// Where the run was taken over, the next step is FENCED and says so.
const renewing = setInterval(() => runs.renew(lease, { leaseMs: LEASE_MS }).catch(() => {}), LEASE_MS / 3);
for (const [index, turn] of recorded.steps.entries()) {
  let is: "done" | "kept" = "kept";
  await runs.step(lease, keyOf(index + 1), async (step) => {
    is = "done";
    await work(step, index + 1, turn, recorded.calls[index] as ModelCall);
  });
  await send({ is, turn: index + 1 });
}
clearInterval(renewing);
await together(store, async (unit) => {
  await sessions.in(unit).close(session);
  await runs.in(unit).complete(lease);
});
process.off("disconnect", orphaned);
process.disconnect?.();

/** Claims the run, as soon as the agent that had it before is known to be gone. */
async function claim(): Promise<Lease> {
  for (;;) {
    try {
      return (await runs.claim(session, run.run, { worker: `agent ${process.pid}`, leaseMs: LEASE_MS }))
        .lease;
    } catch (error) {
      if (!isStateError(error, "LEASE_HELD")) throw error;
      await setTimeout(Math.max(1, error.details.until.getTime() - Date.now()));
    }
  }
}

/** One turn: the model is asked, what it wants is done, and all that comes of it is one commit with the step's result. */
async function work(step: StepContext, number: number, turn: Step, call: ModelCall): Promise<void> {
  const tokens = call.promptTokens + call.completionTokens;
  // The same id after a crash is the same reservation.
  const { id } = await ledger.reserve(run, { id: step.key, calls: 1, tokens });
  // Here a runtime asks its model and does what that wants; this one has it recorded.
  if (number === gate) await passGate(step.key, number, turn);
  step.use({ tokens, ...(call.cost && { cost: call.cost }) });
  step.together(async (unit) => {
    await sessions.in(unit).append(session, { id: step.key, value: turn });
    await ledger.in(unit).settle(run, id, { ...call, runName: "quickstart" });
    if (number === gate) {
      await createApprovals(store).in(unit).complete(session, step.key, { by: "agent", token: step.key });
    }
  });
}

async function passGate(id: string, number: number, { action }: Step): Promise<void> {
  await ask(store, run, id, action);
  await send({ is: "asked", turn: number });
  await allowed(store, run, id);
  await createApprovals(store).claim(session, id, { ...shellCall(action), by: "agent", token: id });
}

async function send(news: News): Promise<void> {
  if (!process.connected) orphaned();
  process.send?.(news);
  await once(process, "message");
}
