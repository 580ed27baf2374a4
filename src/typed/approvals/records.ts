import type { CallOptions, StateStore } from "../../contract.js";
import { isStateError, StateError } from "../../errors.js";
import { type Cell, cellKey } from "../cell.js";
import { Collection } from "../collection.js";
import { digestOf, ownEventId } from "../names.js";
import type { Clock } from "../time.js";
import { type TransactOptions, transact } from "../transact.js";
import { announce } from "./announcements.js";
import type { Approval } from "./approval.js";
import { digestOfCall, isSameJson } from "./digest.js";
import { noSuchApproval } from "./errors.js";
import { namingTheLarge, type StoredRequest } from "./request.js";
import { StatusIndex } from "./status-index.js";
import { APPROVAL, approvalOf, type Place, type StoredApproval } from "./stored-approval.js";
import type { Act } from "./transitions.js";

type WriteOptions = Pick<TransactOptions, "signal" | "repeatable">;

const COLLECTION = "approval";

/** Approvals where they are kept, each with its index entries in the same commit. */
export class ApprovalRecords {
  readonly store: StateStore;
  readonly index: StatusIndex;
  readonly now: Clock;
  readonly #approvals: Collection<StoredApproval>;

  constructor(store: StateStore, now: Clock) {
    this.store = store;
    this.now = now;
    this.index = new StatusIndex(store);
    this.#approvals = new Collection(store, COLLECTION, { codec: APPROVAL });
  }

  cell({ identity, id }: Place): Cell<StoredApproval> {
    return this.#approvals.at(identity, id);
  }

  /** CORRUPT. */
  find({ identity, id }: Place, { signal }: CallOptions): Promise<StoredApproval | undefined> {
    return this.#approvals.get(identity, id, { signal });
  }

  /**
   * Writes a new approval. Where the id is the caller's the store knows it for its idempotency window, so that a late
   * retry does not bring back what was erased: NOT_FOUND. IDEMPOTENCY_CONFLICT when something else was asked for under
   * it, INVALID_RECORD when it is too large.
   */
  async create(
    place: Place,
    request: StoredRequest,
    options: WriteOptions,
  ): Promise<{ approval: Approval; duplicate: boolean }> {
    const cell = this.cell(place);
    const { user, session } = place.identity;
    const eventId = ownEventId(digestOf(COLLECTION, user, session), place.id);
    const digest = digestOfCall(request.tool, request.arguments);
    try {
      const approval = await transact(
        this.store,
        async (transaction) => {
          const now = this.now();
          const made = {
            status: "pending",
            request,
            digest,
            requestedAt: now,
            expiresAt: now + request.ttlMs,
          } as const;
          await transaction.create(cell, made, eventId);
          await this.index.move(transaction, place, undefined, made);
          return approvalOf(place, made, now);
        },
        { ...options, turn: cell },
      );
      return { approval, duplicate: false };
    } catch (error) {
      if (!isStateError(error, "IDEMPOTENCY_CONFLICT") && !isStateError(error, "CONDITION_FAILED"))
        throw namingTheLarge(error, request);
    }
    return { approval: await this.#askedBefore(place, request, options), duplicate: true };
  }

  /** Does to an approval what `act` says, at the moment it is done. NOT_FOUND and what `act` throws. */
  async change(place: Place, act: Act, options: WriteOptions): Promise<Approval> {
    const cell = this.cell(place);
    const { approval, now } = await transact(
      this.store,
      async (transaction) => {
        const before = await transaction.get(cell);
        if (before === undefined) throw noSuchApproval();
        const now = this.now();
        const approval = act(before, now);
        if (approval !== before) {
          await transaction.set(cell, approval);
          await this.index.move(transaction, place, before, approval);
        }
        return { approval, now };
      },
      { ...options, turn: cell },
    );
    announce(this.store, cellKey(cell), approval);
    return approvalOf(place, approval, now);
  }

  async #askedBefore(place: Place, request: StoredRequest, options: CallOptions): Promise<Approval> {
    const before = await this.find(place, options);
    if (before === undefined) throw noSuchApproval();
    if (!isSameJson(before.request, request)) {
      throw new StateError("IDEMPOTENCY_CONFLICT", "something else was asked for under this id", {
        details: { change: 0 },
      });
    }
    return approvalOf(place, before, this.now());
  }
}
