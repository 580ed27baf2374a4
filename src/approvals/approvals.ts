import type { CallOptions, MaintenanceScope, SessionIdentity, StateStore } from "../contract/store.js";
import { Lifecycle } from "../lifecycle/lifecycle.js";
import { type ExpireOptions, readCallOptions, type WaitOptions } from "../lifecycle/options.js";
import type { Repeatable } from "../lifecycle/repeat.js";
import type { LifecycleKey, Transition } from "../lifecycle/stored.js";
import { newEventId } from "../process/event-id.js";
import { copySession } from "../typed/cell.js";
import { readNamed } from "../validation/validate.js";
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
import { APPROVAL } from "./approval-lifecycle.js";
import { Deciders } from "./deciders.js";
import { digestOfCall } from "./digest.js";
import { copyFingerprint, isSameRequest } from "./fingerprint.js";
import type {
  ApprovalPage,
  ApprovalReceipt,
  ApprovalsOptions,
  ListApprovalsOptions,
  RecoverOptions,
  Where,
} from "./options.js";
import { type ApprovalRequest, readRequest, type StoredRequest } from "./request.js";
import type { StoredState } from "./stored-approval.js";
import { claim, finish, type NewOutcome, settle } from "./transitions.js";

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
  readonly #lifecycle: Lifecycle<StoredState, StoredRequest, Approval>;
  readonly #deciders: Deciders;
  readonly #maxBytes: number;

  /** @internal */
  constructor(store: StateStore, options: ApprovalsOptions = {}) {
    readNamed(options, "options", ["mayDecide", "requireOtherDecider", "pollMs", "clock"]);
    const { mayDecide: _, requireOtherDecider: __, ...rest } = options;
    this.#lifecycle = new Lifecycle(store, APPROVAL, rest);
    this.#deciders = new Deciders(options);
    this.#maxBytes = store.limits.maxBytes;
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
    const owner = copySession(identity);
    const call = readCallOptions(options);
    const { id, content } = await readRequest(request, this.#maxBytes);
    this.#deciders.checkRequest(content);
    const key = { identity: owner, id: id ?? newEventId() };
    const digest = await digestOfCall(content.tool, content.arguments);
    const { record, duplicate } = await this.#lifecycle.create(
      key,
      content,
      (now) => ({ status: "pending", digest, createdAt: now, expiresAt: now + content.ttlMs }),
      { ...call, repeatable: id !== undefined },
    );
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
    const key = this.#lifecycle.readKey(identity, id);
    const settlement = readDecide(input);
    const call = readCallOptions(options);
    const before = await this.#lifecycle.read(key, call);
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
    return this.#change(key, transition, settlement, call);
  }

  /** Withdraws a pending request. `mayDecide` is not called. NOT_FOUND, ALREADY_DECIDED, EXPIRED. */
  async cancel(
    identity: SessionIdentity,
    id: string,
    input: CancelInput,
    options?: CallOptions,
  ): Promise<Approval> {
    const key = this.#lifecycle.readKey(identity, id);
    const settlement = readCancel(input);
    const transition: Transition<StoredState, StoredRequest> = (state, moment) =>
      settle(state, settlement, moment);
    return this.#change(key, transition, settlement, readCallOptions(options));
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
    const key = this.#lifecycle.readKey(identity, id);
    const call = readCallOptions(options);
    const { digest, newClaim } = await readClaim(input, this.#maxBytes);
    const transition: Transition<StoredState, StoredRequest> = (state, moment) =>
      claim(state, digest, newClaim, moment);
    return this.#change(key, transition, newClaim, call);
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
    const key = this.#lifecycle.readKey(identity, id);
    const call = readCallOptions(options);
    return this.#finish(key, await readComplete(input, this.#maxBytes), call);
  }

  /** Reports that a claimed call failed, or that its outcome is unknown. NOT_FOUND, NOT_CLAIMED, ALREADY_FINISHED. */
  async fail(
    identity: SessionIdentity,
    id: string,
    input: FailInput,
    options?: CallOptions,
  ): Promise<Approval> {
    return this.#finish(this.#lifecycle.readKey(identity, id), readFail(input), readCallOptions(options));
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

  #finish(key: LifecycleKey, outcome: NewOutcome, call: CallOptions): Promise<Approval> {
    return this.#change(key, (state, moment) => finish(state, outcome, moment), outcome, call);
  }

  #change(
    key: LifecycleKey,
    transition: Transition<StoredState, StoredRequest>,
    { token }: Repeatable,
    call: CallOptions,
  ): Promise<Approval> {
    return this.#lifecycle.change(key, transition, { ...call, repeatable: token !== undefined });
  }
}
