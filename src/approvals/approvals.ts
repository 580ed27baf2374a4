import type { CallOptions, MaintenanceScope, SessionIdentity, StateStore } from "../contract/store.js";
import { Lifecycle } from "../lifecycle/lifecycle.js";
import { type ExpireOptions, readCallOptions, type WaitOptions } from "../lifecycle/options.js";
import type { LifecycleKey } from "../lifecycle/stored.js";
import { type Operation, perform } from "../typed/operation.js";
import { Unit } from "../typed/together/unit.js";
import type { Transaction } from "../typed/transaction.js";
import { readNamed } from "../validation/validate.js";
import type { CancelInput, ClaimInput, CompleteInput, DecideInput, FailInput } from "./actions.js";
import type { Approval } from "./approval.js";
import { APPROVAL } from "./approval-lifecycle.js";
import { Deciders } from "./deciders.js";
import { ApprovalsInUnit } from "./in-unit.js";
import { ApprovalOperations } from "./operations.js";
import type {
  ApprovalPage,
  ApprovalReceipt,
  ApprovalsOptions,
  ListApprovalsOptions,
  RecoverOptions,
  Where,
} from "./options.js";
import type { ApprovalRequest, StoredRequest } from "./request.js";
import type { StoredState } from "./stored-approval.js";
import { finish } from "./transitions.js";

/**
 * Durable gates on tool calls. An approval is bound to one call. Across all processes it is decided once and claimed
 * once. It expires by itself.
 *
 * The identity is that of a session; a run is a field of the request. The session need not exist or be open.
 *
 * Each process uses its own clock to find out whether an approval has expired, so the clocks of all processes should
 * agree to within a few seconds.
 */
export class Approvals {
  readonly #store: StateStore;
  readonly #lifecycle: Lifecycle<StoredState, StoredRequest, Approval>;
  readonly #operations: ApprovalOperations;

  /** @internal */
  constructor(store: StateStore, options: ApprovalsOptions = {}) {
    readNamed(options, "options", ["mayDecide", "requireOtherDecider", "pollMs", "clock"]);
    const { mayDecide: _, requireOtherDecider: __, ...rest } = options;
    this.#store = store;
    this.#lifecycle = new Lifecycle(store, APPROVAL, rest);
    this.#operations = new ApprovalOperations(store, this.#lifecycle, new Deciders(options));
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): ApprovalsInUnit {
    return new ApprovalsInUnit(Unit.check(unit, this.#store), this.#lifecycle, this.#operations);
  }

  /**
   * Requests approval of a call. With an `id` the request is made once: the same call again is a duplicate, and other
   * content is IDEMPOTENCY_CONFLICT. NOT_FOUND if the session was erased since, within the store's idempotency window.
   */
  async request(
    identity: SessionIdentity,
    request: ApprovalRequest,
    options?: CallOptions,
  ): Promise<ApprovalReceipt> {
    const call = readCallOptions(options);
    const { key, content, initial, repeatable } = await this.#operations.readNew(identity, request);
    const { record, duplicate } = await this.#lifecycle.create(key, content, initial, {
      ...call,
      repeatable,
    });
    return { approval: record, duplicate };
  }

  /**
   * Approves or denies a request, if `mayDecide` and `requireOtherDecider` of this process allow it. ALREADY_DECIDED
   * names the decision that won; a repeated call with the same token and content gets the first answer. NOT_FOUND,
   * EXPIRED, FORBIDDEN.
   */
  async decide(
    identity: SessionIdentity,
    id: string,
    input: DecideInput,
    options?: CallOptions,
  ): Promise<Approval> {
    const call = readCallOptions(options);
    const decide = this.#operations.decide(identity, id, input);
    return this.#perform(await decide((key) => this.#lifecycle.read(key, call)), call);
  }

  /** Withdraws a pending request. `mayDecide` is not called. NOT_FOUND, ALREADY_DECIDED, EXPIRED. */
  async cancel(
    identity: SessionIdentity,
    id: string,
    input: CancelInput,
    options?: CallOptions,
  ): Promise<Approval> {
    return this.#perform(this.#operations.cancel(identity, id, input), readCallOptions(options));
  }

  /**
   * Claims an approved call, once. Call it immediately before the tool call, and make the tool call only if the answer
   * has the status `claimed`. Until the call is finished, a repeated claim with the same token and content gets the same
   * answer. NOT_FOUND, DIGEST_MISMATCH, NOT_DECIDED, ALREADY_DECIDED, EXPIRED, ALREADY_CLAIMED.
   */
  async claim(
    identity: SessionIdentity,
    id: string,
    input: ClaimInput,
    options?: CallOptions,
  ): Promise<Approval> {
    const call = readCallOptions(options);
    return this.#perform(await this.#operations.claim(identity, id, input), call);
  }

  /**
   * Reports that a claimed call was made. Any process may report it, because the claiming one may have crashed.
   * NOT_FOUND, NOT_CLAIMED, ALREADY_FINISHED.
   */
  async complete(
    identity: SessionIdentity,
    id: string,
    input: CompleteInput = {},
    options?: CallOptions,
  ): Promise<Approval> {
    const call = readCallOptions(options);
    return this.#perform(await this.#operations.complete(identity, id, input), call);
  }

  /** Reports that a claimed call failed, or that its outcome is unknown. NOT_FOUND, NOT_CLAIMED, ALREADY_FINISHED. */
  async fail(
    identity: SessionIdentity,
    id: string,
    input: FailInput,
    options?: CallOptions,
  ): Promise<Approval> {
    return this.#perform(this.#operations.fail(identity, id, input), readCallOptions(options));
  }

  /** The approval as it is now. NOT_FOUND. */
  async get(identity: SessionIdentity, id: string, options?: CallOptions): Promise<Approval> {
    return this.#lifecycle.get(this.#lifecycle.readKey(identity, id), options);
  }

  /** The approval as it is now, or `undefined`. */
  async find(identity: SessionIdentity, id: string, options?: CallOptions): Promise<Approval | undefined> {
    return this.#lifecycle.find(this.#lifecycle.readKey(identity, id), options);
  }

  /** The approvals of a session, or with `{ tenant }` of all sessions of a tenant, newest first. */
  async list(where: Where, options?: ListApprovalsOptions): Promise<ApprovalPage> {
    const { records, ...rest } = await this.#lifecycle.list(where, options);
    return { approvals: records, ...rest };
  }

  /**
   * Waits until the approval is decided, cancelled or expired, by this process or another, and returns it. All waiters
   * share one timer; no connection is held. Expiry is judged by this process's clock. NOT_FOUND, also when the approval
   * is erased meanwhile; WAIT_TIMED_OUT.
   */
  async wait(identity: SessionIdentity, id: string, options?: WaitOptions): Promise<Approval> {
    return this.#lifecycle.wait(this.#lifecycle.readKey(identity, id), options);
  }

  /**
   * Marks pending and approved approvals that have expired, and returns how many. They count as expired before that, too.
   * Damaged approvals are skipped; after all others are marked, the first damage is thrown as CORRUPT. After an abort,
   * call it again: it goes on. MAINTENANCE_SCOPE_REQUIRED.
   */
  async expireOverdue(scope: MaintenanceScope, options?: ExpireOptions): Promise<number> {
    return this.#lifecycle.expireOverdue(scope, options);
  }

  /**
   * Returns the open approvals, for example after a restart: by status, then tenant, the oldest first. An approval whose
   * status changes meanwhile may appear twice. Damaged approvals are skipped; after all others, the first damage is
   * thrown as CORRUPT. MAINTENANCE_SCOPE_REQUIRED.
   */
  async *recover(
    scope: MaintenanceScope,
    options?: RecoverOptions,
  ): AsyncGenerator<Approval, void, undefined> {
    yield* this.#lifecycle.recover(scope, options);
  }

  /**
   * Removes the approvals of all sessions of a user, with their index entries. Returns how many. After an interruption,
   * call it again. Approvals that are requested meanwhile may stay.
   */
  async forgetUser(user: Pick<SessionIdentity, "tenant" | "user">, options?: CallOptions): Promise<number> {
    return this.#lifecycle.forgetUser(user, options);
  }

  /** A claim as part of a wrapper's own operation. @internal */
  claiming(identity: SessionIdentity, id: string, input: ClaimInput): Promise<Operation<Approval>> {
    return this.#operations.claim(identity, id, input);
  }

  /** Ends a claimed call in a wrapper's own transaction; leaves an approval that is gone or has ended. @internal */
  async endIn(transaction: Transaction, key: LifecycleKey, error: string | undefined): Promise<void> {
    const found = await this.#lifecycle.readIn(transaction, key);
    if (found?.state.status !== "claimed") return;
    const outcome = error === undefined ? {} : { error };
    await this.#lifecycle.changeIn(transaction, key, (state, moment) => finish(state, outcome, moment));
  }

  async #perform(operation: Operation<Approval>, call: CallOptions): Promise<Approval> {
    return (await perform(this.#store, operation, call)).result;
  }
}
