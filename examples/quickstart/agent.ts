/**
 * The process that gets killed: it works through a recorded run, step by step, and after a restart goes on from what
 * the store says.
 */
import { once } from "node:events";
import { openStore } from "groundstate";
import { createApprovals } from "groundstate/approvals";
import "groundstate/drivers";
import { createLedger } from "groundstate/ledger";
import { beginOrResume, remember, sessionsOf, stepId } from "./conversation.js";
import { callModel } from "./costs.js";
import { ask, claimOnce, done } from "./gate.js";
import { readRun } from "./recorded-run.js";
import { type Run, sessionOf } from "./run.js";

/** What the agent is started with. */
export interface Job {
  readonly store: string;
  readonly path: string;
  readonly run: Run;
  /** The step that a person has to allow. */
  readonly gate: number;
}

/** What the agent reports to the process that started it, before it waits to go on. */
export type News =
  | { readonly is: "sent"; readonly step: number; readonly duplicate: boolean; readonly again: boolean }
  | { readonly is: "asked"; readonly step: number }
  | { readonly is: "claimed"; readonly step: number; readonly secondClaim: string };

/** The answers to the last steps may have been lost on the way, so a restarted agent sends them again. */
const SEND_AGAIN = 2;

/** The process that started the agent is gone, so nothing would tell it to go on. */
const orphaned = () => process.exit();
process.on("disconnect", orphaned);

const { store: url, path, run, gate } = JSON.parse(process.argv[2] ?? "") as Job;
const { steps, calls } = await readRun(path);
await using store = await openStore(url);
const sessions = sessionsOf(store);
const approvals = createApprovals(store);
const ledger = createLedger(store);
const owner = sessionOf(run);

const found = await beginOrResume(sessions, owner, path);
for (let step = Math.max(1, found - SEND_AGAIN + 1); step <= steps.length; step++) {
  if (step === gate && step > found) await passGate();
  const duplicate = await work(step);
  if (step === gate && step > found) await done(approvals, run, stepId(owner, step), stepAt(step));
  await send({ is: "sent", step, duplicate, again: step <= found });
}
await sessions.close(owner);
process.off("disconnect", orphaned);
process.disconnect?.();

async function passGate(): Promise<void> {
  const id = stepId(owner, gate);
  await ask(approvals, run, id, stepAt(gate));
  await send({ is: "asked", step: gate });
  const secondClaim = await claimOnce(approvals, run, id, stepAt(gate));
  await send({ is: "claimed", step: gate, secondClaim });
}

/** Does one step. Returns whether all of it had happened before. */
async function work(step: number): Promise<boolean> {
  const id = stepId(owner, step);
  const paid = await callModel(ledger, run, id, calls[step - 1] as (typeof calls)[number]);
  const remembered = await remember(sessions, owner, step, stepAt(step));
  return paid.duplicate && remembered.duplicate;
}

function stepAt(step: number) {
  return steps[step - 1] as (typeof steps)[number];
}

async function send(news: News): Promise<void> {
  if (!process.connected) orphaned();
  process.send?.(news);
  await once(process, "message");
}
