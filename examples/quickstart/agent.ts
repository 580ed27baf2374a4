/**
 * The process that gets killed: it replays a recorded run into the store, one commit per step, and after a restart
 * goes on from what the store says.
 */
import { once } from "node:events";
import { type CommitReceipt, type Identity, openStore } from "groundstate";
import "groundstate/drivers";
import { decode, encode, readRun } from "./recorded-run.js";

/** What the agent is started with. */
export interface Job {
  readonly store: string;
  readonly run: string;
  readonly identity: Identity;
}

/** What it tells whoever started it, after each commit. */
export interface Sent {
  readonly step: number;
  readonly duplicate: boolean;
}

/** Where the run is; overwritten with every step. */
export interface Progress {
  readonly step: number;
}

/** What a restarted agent found, and what the store said to the steps it sent once more. */
export interface Restart {
  readonly foundStep: number;
  readonly sentAgain: readonly Sent[];
}

/** The answers to the last steps may have been lost on the way, so a restarted agent sends them again. */
const SEND_AGAIN = 2;

/** Whoever started it is gone: nobody will say when to go on. */
const orphaned = () => process.exit();
process.on("disconnect", orphaned);

const { store: url, run, identity } = JSON.parse(process.argv[2] ?? "") as Job;
const steps = await readRun(run);
await using store = await openStore(url);

const progress = await store.find(identity, "progress");
const found = progress === undefined ? 0 : decode<Progress>(progress.bytes).step;
if (found > 0) await restart(found);
for (let step = found + 1; step <= steps.length; step++) await send(step);
process.off("disconnect", orphaned);
process.disconnect?.();

async function restart(foundStep: number): Promise<void> {
  const sentAgain: Sent[] = [];
  for (let step = Math.max(1, foundStep - SEND_AGAIN + 1); step <= foundStep; step++) {
    sentAgain.push(await send(step));
  }
  const bytes = encode({ foundStep, sentAgain } satisfies Restart);
  await store.save({ eventId: `${identity.run}.restart.${foundStep}`, identity, kind: "restart", bytes });
}

async function send(step: number): Promise<Sent> {
  const { duplicate } = await commit(step);
  const sent: Sent = { step, duplicate };
  if (!process.connected) orphaned();
  process.send?.(sent);
  await once(process, "message");
  return sent;
}

/**
 * The step and the progress of the run are written together or not at all. Their event ids follow from the run and
 * the step, so that a step sent again is the same event: the store knows it and writes nothing.
 */
async function commit(step: number): Promise<CommitReceipt> {
  const number = String(step).padStart(4, "0");
  const eventId = `${identity.run}.${number}`;
  const bytes = encode(steps[step - 1]);
  const progress = encode({ step } satisfies Progress);
  return store.commit([
    { op: "save", record: { eventId, identity, kind: `step/${number}`, bytes } },
    { op: "save", record: { eventId: `${eventId}.progress`, identity, kind: "progress", bytes: progress } },
  ]);
}
