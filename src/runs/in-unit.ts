import type { SessionIdentity } from "../contract/store.js";
import type { Unit } from "../typed/together/unit.js";
import type {
  BeginStepInput,
  ClaimInput,
  CompleteInput,
  FailInput,
  FinishStepInput,
  HaltInput,
  RenewInput,
  ResumeInput,
  StartInput,
  StopInput,
} from "./actions.js";
import type { Lease } from "./lease.js";
import type { RunOperations } from "./operations.js";
import type { ClaimedRun, RunReceipt } from "./options.js";
import type { Run } from "./run.js";
import type { RunStep } from "./step.js";
import type { FinishedStep } from "./steps.js";

/**
 * The mutating methods of runs that fit into a commit, as part of a unit of `together`. They take, answer and refuse what the
 * methods of `Runs` of the same names do, without a signal.
 */
export class RunsInUnit {
  readonly #unit: Unit;
  readonly #operations: RunOperations;

  /** @internal */
  constructor(unit: Unit, operations: RunOperations) {
    this.#unit = unit;
    this.#operations = operations;
  }

  /** Like `Runs.start`. */
  async start(identity: SessionIdentity, run: StartInput = {}): Promise<RunReceipt> {
    return this.#unit.run(this.#operations.start(identity, run));
  }

  /** Like `Runs.claim`. */
  async claim(identity: SessionIdentity, id: string, input: ClaimInput): Promise<ClaimedRun> {
    const { operation, answer } = this.#operations.claim(identity, id, input);
    return answer(await this.#unit.run(operation));
  }

  /** Like `Runs.renew`. */
  async renew(lease: Lease, input: RenewInput): Promise<Lease> {
    const { operation, answer } = this.#operations.renew(lease, input);
    return answer(await this.#unit.run(operation));
  }

  /** Like `Runs.release`. */
  async release(lease: Lease): Promise<Run> {
    return (await this.#unit.run(this.#operations.release(lease))).run;
  }

  /** Like `Runs.complete`. */
  async complete(lease: Lease, input: CompleteInput = {}): Promise<Run> {
    return (await this.#unit.run(this.#operations.complete(lease, input))).run;
  }

  /** Like `Runs.fail`. */
  async fail(lease: Lease, input: FailInput): Promise<Run> {
    return (await this.#unit.run(this.#operations.fail(lease, input))).run;
  }

  /** Like `Runs.cancel`. */
  async cancel(identity: SessionIdentity, id: string, input: StopInput = {}): Promise<Run> {
    return (await this.#unit.run(this.#operations.cancel(identity, id, input))).run;
  }

  /** Like `Runs.halt`. */
  async halt(identity: SessionIdentity, id: string, input: HaltInput): Promise<Run> {
    return (await this.#unit.run(this.#operations.halt(identity, id, input))).run;
  }

  /** Like `Runs.pause`. */
  async pause(identity: SessionIdentity, id: string, input: StopInput = {}): Promise<Run> {
    return (await this.#unit.run(this.#operations.pause(identity, id, input))).run;
  }

  /** Like `Runs.resume`. */
  async resume(identity: SessionIdentity, id: string, input: ResumeInput = {}): Promise<Run> {
    return (await this.#unit.run(this.#operations.resume(identity, id, input))).run;
  }

  /** Like `Runs.beginStep`. */
  async beginStep(lease: Lease, key: string, input: BeginStepInput = {}): Promise<RunStep> {
    return this.#unit.run(this.#operations.beginStep(lease, key, input));
  }

  /** Like `Runs.finishStep`. */
  async finishStep(lease: Lease, key: string, input: FinishStepInput = {}): Promise<FinishedStep> {
    return this.#unit.run(this.#operations.finishStep(lease, key, input));
  }
}
