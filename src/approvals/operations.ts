import type { SessionIdentity, StateStore } from "../contract/store.js";
import type { Lifecycle } from "../lifecycle/lifecycle.js";
import type { Repeatable } from "../lifecycle/repeat.js";
import type { LifecycleKey, Transition, Whole } from "../lifecycle/stored.js";
import { newEventId } from "../process/event-id.js";
import { copySession } from "../typed/cell.js";
import type { Operation } from "../typed/operation.js";
import {
  type CancelInput,
  type ClaimInput,
  type CompleteInput,
  type DecideInput,
  type FailInput,
  readCancel,
  readClaim,
  readComplete,
  readDecide,
  readFail,
} from "./actions.js";
import type { Approval } from "./approval.js";
import type { Deciders } from "./deciders.js";
import { digestOfCall } from "./digest.js";
import { copyFingerprint, isSameRequest } from "./fingerprint.js";
import { type ApprovalRequest, readRequest, type StoredRequest } from "./request.js";
import type { StoredState } from "./stored-approval.js";
import { alreadyClaimed, claim, finish, isFinishedRepeat, type NewOutcome, settle } from "./transitions.js";

/** A request that was read. */
export interface NewApproval {
  readonly key: LifecycleKey;
  readonly content: StoredRequest;
  readonly initial: (now: number) => StoredState;
  /** The id is the caller's. */
  readonly repeatable: boolean;
}

/** A decision whose input was read. `read` reads the approval that the hook is asked about. */
export type Decision = (
  read: (key: LifecycleKey) => Promise<Whole<StoredState, StoredRequest> | undefined>,
) => Promise<Operation<Approval>>;

/** What the mutating methods of approvals do, alone or in a unit. Each reads its input first. */
export class ApprovalOperations {
  readonly #lifecycle: Lifecycle<StoredState, StoredRequest, Approval>;
  readonly #deciders: Deciders;
  readonly #maxBytes: number;

  constructor(
    store: StateStore,
    lifecycle: Lifecycle<StoredState, StoredRequest, Approval>,
    deciders: Deciders,
  ) {
    this.#lifecycle = lifecycle;
    this.#deciders = deciders;
    this.#maxBytes = store.limits.maxBytes;
  }

  async readNew(identity: SessionIdentity, request: ApprovalRequest): Promise<NewApproval> {
    const owner = copySession(identity);
    const { id, content } = await readRequest(request, this.#maxBytes);
    this.#deciders.checkRequest(content);
    const digest = await digestOfCall(content.tool, content.arguments);
    return {
      key: { identity: owner, id: id ?? newEventId() },
      content,
      initial: (now) => ({ status: "pending", digest, createdAt: now, expiresAt: now + content.ttlMs }),
      repeatable: id !== undefined,
    };
  }

  /** NOT_FOUND, FORBIDDEN, and the errors of the hook. */
  decide(identity: SessionIdentity, id: string, input: DecideInput): Decision {
    const key = this.#lifecycle.readKey(identity, id);
    const settlement = readDecide(input);
    return async (read) => {
      const before = await read(key);
      if (before === undefined) throw this.#lifecycle.notFound();
      const checkedRequest = copyFingerprint(before);
      const { state } = before;
      // The hook gets an object of its own, because it may change it; `checkedRequest` is a copy for the same reason.
      if (settle(state, settlement, this.#lifecycle.momentOf(before)) !== state)
        await this.#deciders.check(this.#lifecycle.view(key, before), settlement);
      const transition: Transition<StoredState, StoredRequest> = (state, moment) => {
        // The hook checked this request. A later request under the same id, after an erase, was not checked.
        if (!isSameRequest({ state, content: moment.content }, checkedRequest))
          throw this.#lifecycle.notFound();
        return settle(state, settlement, moment);
      };
      return this.#change(key, transition, settlement);
    };
  }

  /** The same in a unit, where the hook is asked about what the unit sees. */
  decideIn(identity: SessionIdentity, id: string, input: DecideInput): Operation<Approval> {
    const decide = this.decide(identity, id, input);
    const { turn, repeatable } = this.#change(this.#lifecycle.readKey(identity, id), (state) => state, input);
    return {
      turn,
      repeatable,
      apply: async (transaction) => {
        const decision = await decide((key) => this.#lifecycle.readIn(transaction, key));
        return decision.apply(transaction);
      },
    };
  }

  cancel(identity: SessionIdentity, id: string, input: CancelInput): Operation<Approval> {
    const key = this.#lifecycle.readKey(identity, id);
    const settlement = readCancel(input);
    return this.#change(key, (state, moment) => settle(state, settlement, moment), settlement);
  }

  async claim(identity: SessionIdentity, id: string, input: ClaimInput): Promise<Operation<Approval>> {
    const key = this.#lifecycle.readKey(identity, id);
    const { digest, newClaim } = await readClaim(input, this.#maxBytes);
    const operation = this.#change(key, (state, moment) => claim(state, digest, newClaim, moment), newClaim);
    return {
      ...operation,
      recall: async (transaction) => {
        const before = await this.#lifecycle.readIn(transaction, key);
        if (before === undefined || !isFinishedRepeat(before.state, digest, newClaim)) return undefined;
        transaction.oweRepeat(operation.turn, alreadyClaimed(before.state.claim));
        return this.#lifecycle.view(key, before);
      },
    };
  }

  async complete(
    identity: SessionIdentity,
    id: string,
    input: CompleteInput = {},
  ): Promise<Operation<Approval>> {
    const key = this.#lifecycle.readKey(identity, id);
    return this.#finish(key, await readComplete(input, this.#maxBytes));
  }

  fail(identity: SessionIdentity, id: string, input: FailInput): Operation<Approval> {
    return this.#finish(this.#lifecycle.readKey(identity, id), readFail(input));
  }

  #finish(key: LifecycleKey, outcome: NewOutcome): Operation<Approval> {
    const operation = this.#change(key, (state, moment) => finish(state, outcome, moment), outcome);
    return {
      ...operation,
      apply: async (transaction) => {
        const approval = await operation.apply(transaction);
        transaction.repeated(operation.turn);
        return approval;
      },
    };
  }

  #change(
    key: LifecycleKey,
    transition: Transition<StoredState, StoredRequest>,
    { token }: Repeatable,
  ): Operation<Approval> {
    return this.#lifecycle.changing(key, transition, token !== undefined);
  }
}
