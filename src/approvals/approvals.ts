import type { CallOptions, MaintenanceScope, SessionIdentity, StateStore } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { type ExtendInput, readActOnAll } from "../lifecycle/acts.js";
import { CHUNK_SIZE } from "../lifecycle/chunks.js";
import type { LifecycleDeclaration } from "../lifecycle/declaration.js";
import { withFields } from "../lifecycle/filters.js";
import { Lifecycle } from "../lifecycle/lifecycle.js";
import {
  type ExpireOptions,
  type LocateOptions,
  readCallOptions,
  type WaitOptions,
} from "../lifecycle/options.js";
import type { LifecycleKey } from "../lifecycle/stored.js";
import { raceAbort } from "../timing/cancellation.js";
import { copySession, readStore } from "../typed/cell.js";
import { DamageLog } from "../typed/damage.js";
import { InputReader } from "../typed/input-reader.js";
import type { UserData } from "../typed/moving/user-data.js";
import { type Operation, perform } from "../typed/operation.js";
import { Unit } from "../typed/together/unit.js";
import type { Transaction } from "../typed/transaction.js";
import { readNamed, readOneOf } from "../validation/validate.js";
import type {
  CancelAllInput,
  CancelInput,
  ClaimInput,
  CompleteInput,
  DecideInput,
  FailInput,
  ReassignInput,
  RevokeInput,
} from "./actions.js";
import type { Approval, ApprovalStatus } from "./approval.js";
import { APPROVAL } from "./approval-lifecycle.js";
import { Audit } from "./audit.js";
import { Deciders } from "./deciders.js";
import { ApprovalsInUnit } from "./in-unit.js";
import { Joining } from "./joining.js";
import { ApprovalOperations, type AskedOperation } from "./operations.js";
import {
  type ApprovalPage,
  type ApprovalReceipt,
  type ApprovalsOptions,
  type ApprovalTarget,
  type AuditOptions,
  type AuditPage,
  type CountApprovalsOptions,
  FILTERS,
  KEEPINGS,
  type ListApprovalsOptions,
  type RecoverOptions,
  readAudit,
  readTargets,
  type Where,
} from "./options.js";
import type { ApprovalRequest, StoredRequest } from "./request.js";
import type { StoredState } from "./stored-approval.js";
import { claimableDigest, finish } from "./transitions.js";

/** Which claim has ended, and how. */
interface EndOfClaim {
  readonly token: string;
  readonly digest: string;
  readonly error: string | undefined;
}

type Alongside = NonNullable<LifecycleDeclaration<StoredState, StoredRequest, Approval>["alongside"]>;

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
  readonly #inputs: InputReader;
  readonly #audit: Audit;

  /** @internal */
  constructor(store: StateStore, options: ApprovalsOptions = {}) {
    readNamed(options, "options", ["mayDecide", "requireOtherDecider", "audit", "redact", "pollMs", "clock"]);
    const { mayDecide: _, requireOtherDecider: __, audit: ___, redact: ____, ...rest } = options;
    this.#store = readStore(store);
    this.#inputs = new InputReader(options, "approvals");
    const keeping = "audit" in options ? readOneOf(options.audit, "audit", KEEPINGS) : "all";
    const audit = new Audit(store, keeping);
    const joining = new Joining(store);
    const alongside: Alongside = async (transaction, key, made) => {
      await joining.release(transaction, key, made);
      await audit.record(transaction, key, made);
    };
    this.#audit = audit;
    this.#lifecycle = new Lifecycle(
      store,
      {
        ...APPROVAL,
        alongside,
        moved: (transaction, from, to, { state }) => audit.moveIn(transaction, from, to, state),
      },
      rest,
    );
    const deciders = new Deciders(options);
    const { maxBytes } = store.limits;
    this.#operations = new ApprovalOperations({
      lifecycle: this.#lifecycle,
      deciders,
      joining,
      audit,
      maxBytes,
      inputs: this.#inputs,
    });
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): ApprovalsInUnit {
    return new ApprovalsInUnit(Unit.check(unit, this.#store), this.#operations);
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
    const read = await this.#operations.readNew(identity, request);
    const { key, content, initial, repeatable } = read;
    const { record, duplicate } =
      read.join === undefined
        ? await this.#lifecycle.create(key, content, initial, { ...call, repeatable })
        : (await perform(this.#store, this.#operations.requesting(read), call)).result;
    return { approval: record, duplicate };
  }

  /**
   * Approves or denies a request, if `mayDecide` and `requireOtherDecider` of this process allow it. An approval may come with
   * other `arguments`: then that is the call that may be claimed. Where several people have to approve, the request stays
   * pending until the last of them does; one denial ends it.
   *
   * ALREADY_DECIDED names the decision that won; a repeated call with the same token and content gets the first answer.
   * NOT_FOUND, EXPIRED, FORBIDDEN. Where several approve, ALREADY_VOTED, and DIGEST_MISMATCH for other arguments than those
   * of the edit.
   */
  async decide(
    identity: SessionIdentity,
    id: string,
    input: DecideInput,
    options?: CallOptions,
  ): Promise<Approval> {
    const call = readCallOptions(options);
    return this.#ask(await this.#operations.decide(identity, id, input), call);
  }

  /**
   * Takes back an approval that nobody has claimed. `mayDecide` is not called. NOT_FOUND, NOT_DECIDED, ALREADY_DECIDED,
   * EXPIRED, ALREADY_CLAIMED.
   */
  async revoke(
    identity: SessionIdentity,
    id: string,
    input: RevokeInput,
    options?: CallOptions,
  ): Promise<Approval> {
    return this.#perform(this.#operations.revoke(identity, id, input), readCallOptions(options));
  }

  /**
   * Gives a pending request more time to be decided, or an approved call more time to be claimed; never less. For what is
   * approved, `mayDecide` and `requireOtherDecider` have to allow it. NOT_FOUND, ALREADY_DECIDED, EXPIRED, ALREADY_CLAIMED,
   * FORBIDDEN.
   */
  async extend(
    identity: SessionIdentity,
    id: string,
    input: ExtendInput,
    options?: CallOptions,
  ): Promise<Approval> {
    const call = readCallOptions(options);
    return this.#ask(this.#operations.extend(identity, id, input), call);
  }

  /**
   * Cancels what is pending and revokes what is approved, of a session or of one of its runs, each in a commit of its own.
   * Returns how many. What is claimed stays, and so does what is requested meanwhile. After an interruption, call it again.
   * Damaged approvals are skipped; after all others, the first damage is thrown as CORRUPT.
   */
  async cancelAll(identity: SessionIdentity, input: CancelAllInput, options?: CallOptions): Promise<number> {
    const call = readCallOptions(options);
    const owner = copySession(identity);
    const { run, act } = readActOnAll(input, this.#inputs);
    const by = run === undefined ? {} : { by: { run } };
    return this.#lifecycle.changeAll(owner, ["pending", "approved"], this.#operations.ending(act), {
      ...call,
      ...by,
    });
  }

  /** Changes who should decide a pending request. `mayDecide` is not called. NOT_FOUND, ALREADY_DECIDED, EXPIRED. */
  async reassign(
    identity: SessionIdentity,
    id: string,
    input: ReassignInput,
    options?: CallOptions,
  ): Promise<Approval> {
    return this.#perform(this.#operations.reassign(identity, id, input), readCallOptions(options));
  }

  /**
   * Decides many requests, each by itself: the outcomes are in the order of `targets`, up to 1,000. With a token, the same call
   * again goes on where one was interrupted. An abort rejects the whole call; what was decided stays decided.
   */
  async decideMany(
    targets: readonly ApprovalTarget[],
    input: Omit<DecideInput, "arguments">,
    options?: CallOptions,
  ): Promise<readonly PromiseSettledResult<Approval>[]> {
    const call = readCallOptions(options);
    const all = readTargets(targets, input);
    const outcomes: PromiseSettledResult<Approval>[] = [];
    for (let from = 0; from < all.length; from += CHUNK_SIZE) {
      const chunk = all.slice(from, from + CHUNK_SIZE);
      const decided = chunk.map(({ identity, id }) => this.decide(identity, id, input, call));
      outcomes.push(...(await Promise.allSettled(decided)));
      call.signal?.throwIfAborted();
    }
    return outcomes;
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
   * The session may have been deleted meanwhile: the audit list then has the outcome. NOT_FOUND, NOT_CLAIMED, ALREADY_FINISHED.
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

  /**
   * The approvals of a session, of a user with `{ tenant, user }`, or of a tenant with `{ tenant }`, newest first unless `order`
   * says otherwise.
   */
  async list(where: Where, options?: ListApprovalsOptions): Promise<ApprovalPage> {
    const { records, ...rest } = await this.#lifecycle.list(where, withFields(options, FILTERS));
    return { approvals: records, ...rest };
  }

  /**
   * How many approvals have each status: of all statuses, or of those that are asked for. What is pending, approved or claimed
   * is looked at one by one and counted as `list` shows it; the others are counted without being read, so in the count of a
   * tenant those of deleted sessions are among them until a list or `expireOverdue` with `erased` meets them.
   */
  async count<Status extends ApprovalStatus = ApprovalStatus>(
    where: Where,
    options?: CountApprovalsOptions<Status>,
  ): Promise<{ readonly [Counted in Status]: number }> {
    return this.#lifecycle.count(where, withFields(options, FILTERS));
  }

  /**
   * The approvals of a tenant that have this id, whatever their sessions are, the newest first: one, or none, unless callers
   * gave the same id in several sessions.
   */
  async locate(tenant: string, id: string, options?: LocateOptions): Promise<readonly Approval[]> {
    return this.#lifecycle.locate(tenant, id, options);
  }

  /**
   * What was decided in a tenant, by the time of the decision, the newest first unless `order` says otherwise. It outlives its
   * session; `forgetUser` alone removes it.
   */
  async audit(where: { readonly tenant: string }, options?: AuditOptions): Promise<AuditPage> {
    const { tenant } = readNamed(where, "where", ["tenant"]) as { readonly tenant: string };
    return this.#audit.page(tenantIdentity(tenant), readAudit(options), this.#lifecycle.now());
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
   * Removes the approvals of all sessions of a user, with their index entries and what the audit list holds of the user's
   * sessions. Returns how many approvals. After an interruption,
   * call it again. Approvals that are requested meanwhile may stay.
   */
  async forgetUser(user: Pick<SessionIdentity, "tenant" | "user">, options?: CallOptions): Promise<number> {
    const damage = new DamageLog();
    const removed = await damage.skipIfDamaged(this.#lifecycle.forgetUser(user, options));
    // What is left of approvals whose sessions were deleted.
    await damage.skipIfDamaged(this.#audit.forgetUser(user, readCallOptions(options).signal));
    damage.throwFirst();
    return removed as number;
  }

  /** The approvals as they take part when a user is forgotten or moved. */
  get userData(): UserData {
    return {
      ...this.#lifecycle.userData("approvals"),
      forgetUser: (user, options) => this.forgetUser(user, options),
      moveOwn: (move, { signal }) => this.#audit.moveUser(move, signal),
    };
  }

  /** The audit list as it takes part when a user is exported, and in retention. */
  get auditData(): UserData {
    return {
      name: "audit",
      retain: (scope, options) => this.#audit.retain(scope, options),
      exportOf: (owner, { signal }) => this.#audit.exportOf(owner, this.#lifecycle.now(), signal),
    };
  }

  /** A claim as part of a wrapper's own operation. @internal */
  claiming(identity: SessionIdentity, id: string, input: ClaimInput): Promise<Operation<Approval>> {
    return this.#operations.claim(identity, id, input);
  }

  /**
   * Ends a claimed call in a wrapper's own transaction; leaves an approval that is gone, has ended or was claimed by another
   * call. The token is that of the claim; version 0.4 claimed without one, and then it has to be of the same call.
   * @internal
   */
  async endIn(
    transaction: Transaction,
    key: LifecycleKey,
    { token, digest, error }: EndOfClaim,
  ): Promise<void> {
    const found = await this.#lifecycle.readIn(transaction, key);
    if (found?.state.status !== "claimed") return;
    const { claim } = found.state;
    const isSame =
      claim?.token === undefined ? claimableDigest(found.state) === digest : claim.token === token;
    if (!isSame) return;
    const outcome = error === undefined ? {} : { error };
    await this.#lifecycle.changeIn(transaction, key, (state, moment) => finish(state, outcome, moment));
  }

  async #ask(asked: AskedOperation, call: CallOptions): Promise<Approval> {
    // The rules may wait for somebody, or never answer.
    const operation = await raceAbort(
      asked((key) => this.#lifecycle.read(key, call)),
      call.signal,
    );
    return this.#perform(operation, call);
  }

  async #perform(operation: Operation<Approval>, call: CallOptions): Promise<Approval> {
    return (await perform(this.#store, operation, call)).result;
  }
}
