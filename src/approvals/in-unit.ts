import type { SessionIdentity } from "../contract/store.js";
import type { ExtendInput } from "../lifecycle/acts.js";
import type { Unit } from "../typed/together/unit.js";
import type {
  CancelInput,
  ClaimInput,
  CompleteInput,
  DecideInput,
  FailInput,
  ReassignInput,
  RevokeInput,
} from "./actions.js";
import type { Approval } from "./approval.js";
import type { ApprovalOperations } from "./operations.js";
import type { ApprovalReceipt } from "./options.js";
import type { ApprovalRequest } from "./request.js";

/**
 * The mutating methods of approvals that fit into a commit, as part of a unit of `together`. They take, answer and refuse
 * what the methods of `Approvals` of the same names do, without a signal.
 */
export class ApprovalsInUnit {
  readonly #unit: Unit;
  readonly #operations: ApprovalOperations;

  /** @internal */
  constructor(unit: Unit, operations: ApprovalOperations) {
    this.#unit = unit;
    this.#operations = operations;
  }

  /** Like `Approvals.request`. */
  async request(identity: SessionIdentity, request: ApprovalRequest): Promise<ApprovalReceipt> {
    const reading = this.#operations.readNew(identity, request);
    const { record, duplicate } = await this.#unit.run(
      reading.then((read) => this.#operations.requesting(read)),
    );
    return { approval: record, duplicate };
  }

  /** Like `Approvals.decide`. `mayDecide` is asked each time that the unit runs, and must make no call of the unit. */
  async decide(identity: SessionIdentity, id: string, input: DecideInput): Promise<Approval> {
    const asking = this.#operations.decide(identity, id, input);
    return this.#unit.run(this.#operations.askedIn(identity, id, input, asking));
  }

  /** Like `Approvals.extend`. `mayDecide` is asked as by `decide`. */
  async extend(identity: SessionIdentity, id: string, input: ExtendInput): Promise<Approval> {
    const asking = this.#operations.extend(identity, id, input);
    return this.#unit.run(this.#operations.askedIn(identity, id, input, asking));
  }

  /** Like `Approvals.cancel`. */
  async cancel(identity: SessionIdentity, id: string, input: CancelInput): Promise<Approval> {
    return this.#unit.run(this.#operations.cancel(identity, id, input));
  }

  /** Like `Approvals.revoke`. */
  async revoke(identity: SessionIdentity, id: string, input: RevokeInput): Promise<Approval> {
    return this.#unit.run(this.#operations.revoke(identity, id, input));
  }

  /** Like `Approvals.reassign`. */
  async reassign(identity: SessionIdentity, id: string, input: ReassignInput): Promise<Approval> {
    return this.#unit.run(this.#operations.reassign(identity, id, input));
  }

  /** Like `Approvals.claim`. Make the tool call after `together` has resolved, and not in its function. */
  async claim(identity: SessionIdentity, id: string, input: ClaimInput): Promise<Approval> {
    return this.#unit.run(this.#operations.claim(identity, id, input));
  }

  /** Like `Approvals.complete`. */
  async complete(identity: SessionIdentity, id: string, input?: CompleteInput): Promise<Approval> {
    return this.#unit.run(this.#operations.complete(identity, id, input));
  }

  /** Like `Approvals.fail`. */
  async fail(identity: SessionIdentity, id: string, input: FailInput): Promise<Approval> {
    return this.#unit.run(this.#operations.fail(identity, id, input));
  }
}
