import type { SessionIdentity } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import type { InputReader } from "../typed/input-reader.js";
import type { Operation } from "../typed/operation.js";
import {
  type BeginStepInput,
  type ClaimInput,
  type CompleteInput,
  type FailInput,
  type FinishStepInput,
  type HaltInput,
  type RenewInput,
  type ResumeInput,
  readBeginStep,
  readCancel,
  readClaim,
  readComplete,
  readFail,
  readFinishStep,
  readHalt,
  readRenew,
  readResume,
  readStart,
  readStepKey,
  readStop,
  type StartInput,
  type Stop,
  type StopInput,
} from "./actions.js";
import { wrongStatus } from "./errors.js";
import { fenced, type HeldLease, type Lease, leaseOf, readLease } from "./lease.js";
import type { ClaimedRun, RunReceipt } from "./options.js";
import type { Changed, RunRecords } from "./run-records.js";
import type { RunStep } from "./step.js";
import type { FinishedStep, RunSteps } from "./steps.js";
import { newRun, type RunKey } from "./stored-run.js";
import { claim, end, type NewEnd, pause, type RunTransition, release, renew, resume } from "./transitions.js";

/** An operation, and what its caller gets or is refused once it has taken effect. */
export interface AnsweredOperation<R> {
  readonly operation: Operation<Changed>;
  readonly answer: (changed: Changed) => R;
}

/** What each method does once its input is read: alone in a commit, or in a unit. */
export class RunOperations {
  readonly #records: RunRecords;
  readonly #steps: RunSteps;
  readonly #maxBytes: number;
  /** What reads the caller's texts and values. */
  readonly inputs: InputReader;

  constructor(records: RunRecords, steps: RunSteps, maxBytes: number, inputs: InputReader) {
    this.inputs = inputs;
    this.#records = records;
    this.#steps = steps;
    this.#maxBytes = maxBytes;
  }

  /** In a unit; alone, the store recognises the caller's id, and nothing has to be read. */
  async start(identity: SessionIdentity, run: StartInput): Promise<Operation<RunReceipt>> {
    const reading = readStart(run, this.#maxBytes, this.inputs);
    const owner = this.#key(identity, "new").identity;
    const { id, content } = await reading;
    const key = { identity: owner, id: id ?? newEventId() };
    return {
      turn: this.#records.turn(key),
      repeatable: id !== undefined,
      apply: async (transaction) => {
        const { lifecycle } = this.#records;
        const { record, duplicate } = await lifecycle.createIn(transaction, key, content, newRun);
        return { run: record, duplicate };
      },
    };
  }

  /** A run whose time was used up has been halted, and is refused. */
  claim(identity: SessionIdentity, id: string, input: ClaimInput): AnsweredOperation<ClaimedRun> {
    const key = this.#key(identity, id);
    const made = readClaim(input);
    return {
      operation: this.#records.change(key, claim(made), made.token !== undefined),
      answer: ({ run, state }) => {
        if (state.lease === undefined) throw wrongStatus(state.status, "claimed");
        return { lease: leaseOf(key, state), run };
      },
    };
  }

  renew(lease: Lease, input: RenewInput): AnsweredOperation<Lease> {
    const held = readLease(lease);
    return {
      operation: this.#change(held, renew(held, readRenew(input))),
      answer: ({ state }) => {
        if (state.lease === undefined) throw fenced(held, state);
        return leaseOf(held.key, state);
      },
    };
  }

  release(lease: Lease): Operation<Changed> {
    const held = readLease(lease);
    return this.#change(held, release(held));
  }

  async complete(lease: Lease, input: CompleteInput): Promise<Operation<Changed>> {
    const held = readLease(lease);
    return this.#change(held, end(await readComplete(held, input, this.#maxBytes, this.inputs), held));
  }

  fail(lease: Lease, input: FailInput): Operation<Changed> {
    const held = readLease(lease);
    return this.#change(held, end(readFail(held, input, this.inputs), held));
  }

  cancel(identity: SessionIdentity, id: string, input: StopInput): Operation<Changed> {
    return this.#end(this.#key(identity, id), readCancel(input, this.inputs));
  }

  halt(identity: SessionIdentity, id: string, input: HaltInput): Operation<Changed> {
    return this.#end(this.#key(identity, id), readHalt(input, this.inputs));
  }

  pause(identity: SessionIdentity, id: string, input: StopInput): Operation<Changed> {
    const key = this.#key(identity, id);
    const { made, held } = readStop(input, this.inputs);
    return this.#records.change(key, pause(made, held), made.token !== undefined);
  }

  resume(identity: SessionIdentity, id: string, input: ResumeInput): Operation<Changed> {
    const key = this.#key(identity, id);
    const made = readResume(input);
    return this.#records.change(key, resume(made), made.token !== undefined);
  }

  async beginStep(lease: Lease, key: string, input: BeginStepInput): Promise<Operation<RunStep>> {
    const held = readLease(lease);
    return this.#steps.begin(held, readStepKey(key), await readBeginStep(input, this.#maxBytes, this.inputs));
  }

  async finishStep(lease: Lease, key: string, input: FinishStepInput): Promise<Operation<FinishedStep>> {
    const held = readLease(lease);
    return this.#steps.finish(
      held,
      readStepKey(key),
      await readFinishStep(held, input, this.#maxBytes, this.inputs),
    );
  }

  #end(key: RunKey, { made, held }: Stop<NewEnd>): Operation<Changed> {
    return this.#records.change(key, end(made, held), made.token !== undefined);
  }

  /** With a lease the same call again finds what it did before. */
  #change(held: HeldLease, transition: RunTransition): Operation<Changed> {
    return this.#records.change(held.key, transition, true);
  }

  #key(identity: SessionIdentity, id: string): RunKey {
    return this.#records.lifecycle.readKey(identity, id);
  }
}
