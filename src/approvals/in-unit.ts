import type { SessionIdentity } from "../contract/store.js";
import type { Lifecycle } from "../lifecycle/lifecycle.js";
import type { Unit } from "../typed/together/unit.js";
import type { CancelInput, ClaimInput, CompleteInput, DecideInput, FailInput } from "./actions.js";
import type { Approval } from "./approval.js";
import type { ApprovalOperations } from "./operations.js";
import type { ApprovalReceipt } from "./options.js";
import type { ApprovalRequest, StoredRequest } from "./request.js";
import type { StoredState } from "./stored-approval.js";

/**
 * The mutating methods of approvals that fit into a commit, as part of a unit of `together`. They take, answer and refuse
 * what the methods of `Approvals` of the same names do, without a signal.
 */
export class ApprovalsInUnit {
  readonly #unit: Unit;
  readonly #lifecycle: Lifecycle<StoredState, StoredRequest, Approval>;
  readonly #operations: ApprovalOperations;

  /** @internal */
  constructor(
    unit: Unit,
    lifecycle: Lifecycle<StoredState, StoredRequest, Approval>,
    operations: ApprovalOperations,
  ) {
    this.#unit = unit;
    this.#lifecycle = lifecycle;
    this.#operations = operations;
  }

  /** Like `Approvals.request`. */
  async request(identity: SessionIdentity, request: ApprovalRequest): Promise<ApprovalReceipt> {
    const reading = this.#operations.readNew(identity, request);
    const { record, duplicate } = await this.#unit.run(
      reading.then(({ key, content, initial, repeatable }) =>
        this.#lifecycle.creating(key, content, initial, repeatable),
      ),
    );
    return { approval: record, duplicate };
  }

  /** Like `Approvals.decide`. `mayDecide` is asked each time that the unit runs, and must make no call of the unit. */
  async decide(identity: SessionIdentity, id: string, input: DecideInput): Promise<Approval> {
    return this.#unit.run(this.#operations.decideIn(identity, id, input));
  }

  /** Like `Approvals.cancel`. */
  async cancel(identity: SessionIdentity, id: string, input: CancelInput): Promise<Approval> {
    return this.#unit.run(this.#operations.cancel(identity, id, input));
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
