import type { CallOptions, MaintenanceScope, SessionIdentity, StateStore } from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import { newEventId } from "../process/event-id.js";
import { copySession } from "../typed/cell.js";
import { readClock } from "../typed/time.js";
import { readInteger, readNamed, readOptions, readSignal } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import {
  type CancelInput,
  type ClaimInput,
  type CompleteInput,
  type DecideInput,
  type FailInput,
  type Repeatable,
  readCancel,
  readClaim,
  readComplete,
  readDecide,
  readFail,
} from "./actions.js";
import type { Approval } from "./approval.js";
import { Deciders } from "./deciders.js";
import { noSuchApproval } from "./errors.js";
import {
  type ApprovalPage,
  type ListApprovalsOptions,
  listApprovals,
  readQuery,
  readStatuses,
  readWhere,
} from "./listing.js";
import { expireOverdue, forgetUser, recover } from "./maintenance.js";
import type {
  ApprovalReceipt,
  ApprovalsOptions,
  ExpireOptions,
  RecoverOptions,
  WaitOptions,
} from "./options.js";
import { ApprovalRecords } from "./records.js";
import { type ApprovalRequest, readFlag, readRequest } from "./request.js";
import type { Where } from "./status-index.js";
import { type ApprovalKey, approvalOf } from "./stored-approval.js";
import {
  claim,
  copyFingerprint,
  finish,
  isSameRequest,
  type NewOutcome,
  settle,
  type Transition,
} from "./transitions.js";
import { Waiting } from "./waiting.js";

const DEFAULT_POLL_MS = 250;
const MAX_POLL_MS = 60_000;
const MAX_WAIT_MS = 10 * 365 * 86_400_000;

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
  readonly #records: ApprovalRecords;
  readonly #waiting: Waiting;
  readonly #deciders: Deciders;
  readonly #maxBytes: number;

  /** @internal */
  constructor(store: StateStore, options: ApprovalsOptions = {}) {
    readNamed(options, "options", ["mayDecide", "requireOtherDecider", "pollMs", "clock"]);
    const pollMs =
      "pollMs" in options ? readInteger(options.pollMs, "pollMs", 1, MAX_POLL_MS) : DEFAULT_POLL_MS;
    this.#deciders = new Deciders(options);
    this.#records = new ApprovalRecords(store, readClock(options));
    this.#maxBytes = store.limits.maxBytes;
    this.#waiting = new Waiting(this.#records, pollMs);
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
    return this.#records.create(key, content, { ...call, repeatable: id !== undefined });
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
    const key = readKey(identity, id);
    const settlement = readDecide(input);
    const call = readCallOptions(options);
    const before = await this.#records.find(key, call);
    if (before === undefined) throw noSuchApproval();
    const now = this.#records.now();
    const checkedRequest = copyFingerprint(before);
    // The hook gets an object of its own, because it may change it; `checkedRequest` is a copy for the same reason.
    if (settle(before, settlement, now) !== before)
      await this.#deciders.check(approvalOf(key, before, now), settlement);
    const transition: Transition = (approval, now) => {
      // The hook checked this request. A later request under the same id, after an erase, was not checked.
      if (!isSameRequest(approval, checkedRequest)) throw noSuchApproval();
      return settle(approval, settlement, now);
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
    const key = readKey(identity, id);
    const settlement = readCancel(input);
    const transition: Transition = (approval, now) => settle(approval, settlement, now);
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
    const key = readKey(identity, id);
    const call = readCallOptions(options);
    const { digest, newClaim } = await readClaim(input, this.#maxBytes);
    const transition: Transition = (approval, now) => claim(approval, digest, newClaim, now);
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
    const key = readKey(identity, id);
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
    return this.#finish(readKey(identity, id), readFail(input), readCallOptions(options));
  }

  /** The approval as it is now. NOT_FOUND. */
  async get(identity: SessionIdentity, id: string, options?: CallOptions): Promise<Approval> {
    const found = await this.find(identity, id, options);
    if (found === undefined) throw noSuchApproval();
    return found;
  }

  /** The approval as it is now, or `undefined`. */
  async find(identity: SessionIdentity, id: string, options?: CallOptions): Promise<Approval | undefined> {
    const key = readKey(identity, id);
    const stored = await this.#records.find(key, readCallOptions(options));
    return stored && approvalOf(key, stored, this.#records.now());
  }

  /** The approvals of a session, or with `{ tenant }` of all sessions of a tenant, newest first. */
  async list(where: Where, options?: ListApprovalsOptions): Promise<ApprovalPage> {
    return listApprovals(this.#records, readWhere(where), readQuery(options));
  }

  /**
   * Waits until the approval is decided, cancelled or expired, by this process or another, and returns it. All waiters
   * share one timer; no connection is held. Expiry is judged by this process's clock. NOT_FOUND, also when the approval
   * is erased meanwhile; WAIT_TIMED_OUT.
   */
  async wait(identity: SessionIdentity, id: string, options?: WaitOptions): Promise<Approval> {
    const key = readKey(identity, id);
    const given = readOptions(options, ["timeoutMs", "signal"]) as WaitOptions;
    const signal = readSignal(given);
    const timeoutMs =
      "timeoutMs" in given
        ? readInteger(given.timeoutMs, "timeoutMs", 1, MAX_WAIT_MS)
        : Number.POSITIVE_INFINITY;
    signal?.throwIfAborted();
    return this.#waiting.wait(key, { timeoutMs, signal });
  }

  /**
   * Marks pending and approved approvals that have expired, and returns how many. They count as expired before that, too.
   * Damaged approvals are skipped; after all others are marked, the first damage is thrown as CORRUPT. After an abort,
   * call it again: it goes on. MAINTENANCE_SCOPE_REQUIRED.
   */
  async expireOverdue(scope: MaintenanceScope, options?: ExpireOptions): Promise<number> {
    const given = readOptions(options, ["erased", "signal"]) as ExpireOptions;
    return expireOverdue(this.#records, scope, {
      erased: readFlag(given, "erased"),
      signal: readSignal(given),
    });
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
    const given = readOptions(options, ["status", "signal"]) as RecoverOptions;
    const requested = "status" in given ? given.status : "pending";
    const statuses = readStatuses(requested, ["pending", "approved", "claimed"]);
    yield* recover(this.#records, scope, statuses, readSignal(given));
  }

  /**
   * Removes the approvals of all sessions of a user, with their index entries. Returns how many. After an interruption,
   * call it again. Approvals that are requested meanwhile may stay.
   */
  async forgetUser(user: Pick<SessionIdentity, "tenant" | "user">, options?: CallOptions): Promise<number> {
    const { tenant, user: name } = readNamed(user, "user", ["tenant", "user"]) as typeof user;
    return forgetUser(this.#records, userIdentity(tenant, name), readCallOptions(options).signal);
  }

  #finish(key: ApprovalKey, outcome: NewOutcome, call: CallOptions): Promise<Approval> {
    return this.#change(key, (approval, now) => finish(approval, outcome, now), outcome, call);
  }

  #change(
    key: ApprovalKey,
    transition: Transition,
    { token }: Repeatable,
    call: CallOptions,
  ): Promise<Approval> {
    return this.#records.change(key, transition, { ...call, repeatable: token !== undefined });
  }
}

function readKey(identity: SessionIdentity, id: string): ApprovalKey {
  return { identity: copySession(identity), id: readKind(id, "id") };
}

function readCallOptions(options: CallOptions | undefined): { readonly signal: AbortSignal | undefined } {
  return { signal: readSignal(readOptions(options, ["signal"])) };
}
