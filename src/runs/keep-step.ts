import { invalid } from "../contract/errors.js";
import type { StateStore } from "../contract/store.js";
import type { Codec } from "../typed/codec.js";
import type { InputReader } from "../typed/input-reader.js";
import { runExclusive } from "../typed/mutex.js";
import { refuseInsideUnit, together } from "../typed/together/together.js";
import { readComplete } from "./actions.js";
import { fenced, type HeldLease, holds } from "./lease.js";
import type { RunRecords } from "./run-records.js";
import { type KeptStep, StepCollector, type StepWork } from "./step-work.js";
import type { RunSteps } from "./steps.js";
import type { StepNotes } from "./stored-step.js";
import { end } from "./transitions.js";

/** A step as `step` was called with it, read. */
export interface StepCall<T, Input> {
  readonly held: HeldLease;
  readonly key: string;
  readonly work: StepWork<Input>;
  readonly codec: Codec<T, Input>;
  readonly notes: StepNotes;
  readonly signal: AbortSignal | undefined;
}

/** What `step` stands on. */
export interface StepKeeper {
  readonly store: StateStore;
  readonly runs: RunRecords;
  readonly steps: RunSteps;
  readonly inputs: InputReader;
}

/**
 * Runs the work unless its result is kept, and keeps its result. Calls of one process with the same key wait for each other,
 * so that the second finds the result of the first. FENCED, also before the work runs.
 */
export async function keepStep<T, Input>(keeper: StepKeeper, call: StepCall<T, Input>): Promise<KeptStep<T>> {
  // Before the work is done, which could then not be kept.
  refuseInsideUnit();
  const { key: run, leaseId } = call.held;
  const lock = JSON.stringify(["run.step", run.identity.tenant, run.id, leaseId, call.key]);
  return runExclusive(keeper.store, lock, call.signal, async () => {
    return (await findKept(keeper, call)) ?? runAndKeep(keeper, call);
  });
}

/** The result that is kept, if the step is finished. FENCED, unless this lease ended the run by that very step. */
async function findKept<T, Input>(
  keeper: StepKeeper,
  call: StepCall<T, Input>,
): Promise<KeptStep<T> | undefined> {
  const { held, key, signal } = call;
  const { runs, steps } = keeper;
  const [state, step] = await Promise.all([runs.state(held.key, signal), steps.find(held.key, key, signal)]);
  const isFinished = step?.status === "finished";
  const hasEndedRun = isFinished && step.leaseId === held.leaseId && state.end?.token === held.leaseId;
  if (!holds(held, state) && !hasEndedRun) throw fenced(held, state);
  return isFinished ? readKept(keeper, call) : undefined;
}

async function readKept<T, Input>(
  { steps }: StepKeeper,
  { held, key, codec, signal }: StepCall<T, Input>,
): Promise<KeptStep<T>> {
  return { result: (await steps.result(held.key, key, codec, signal)) as T, ran: false };
}

async function runAndKeep<T, Input>(keeper: StepKeeper, call: StepCall<T, Input>): Promise<KeptStep<T>> {
  const { store, runs, steps, inputs } = keeper;
  const { held, key, work, codec, notes, signal } = call;
  const collector = new StepCollector((input) => readComplete(held, input, store.limits.maxBytes, inputs));
  const beganAt = runs.lifecycle.now();
  const result = await work(collector.context(key, signal));
  const { parts, usage, ending } = await collector.close();
  const bytes = result === undefined ? undefined : await encode(store, codec, result);
  const isLast = ending !== undefined;
  const made = { usage, beganAt, notes, codec, isLast, ...(bytes === undefined ? {} : { bytes }) };
  const isKept = await together(
    store,
    async (unit) => {
      const kept = await unit.run(steps.keep(held, key, made));
      // Another process with this lease was faster: what this one did is part of its step.
      if (!kept) return false;
      for (const part of parts) await part(unit);
      if (ending !== undefined) await unit.run(runs.change(held.key, end(ending, held), true));
      return true;
    },
    { ...(signal && { signal }) },
  );
  if (!isKept) return readKept(keeper, call);
  // The caller gets what a later call would get.
  const decoded = bytes === undefined ? undefined : await codec.decode(bytes, codec.version);
  return { result: decoded as T, ran: true };
}

/** A result that cannot be stored is refused here, because the work has been done: its caller has to know what to do. */
async function encode<T, Input>(
  { limits }: StateStore,
  codec: Codec<T, Input>,
  result: Input,
): Promise<Uint8Array> {
  const bytes = await codec.encode(result);
  if (bytes.length <= limits.maxBytes) return bytes;
  throw invalid(
    "result",
    `at most ${limits.maxBytes} bytes when it is encoded: store it elsewhere, and return a reference to it`,
  );
}
