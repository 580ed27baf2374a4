import { isStateError, StateError } from "../contract/errors.js";
import type { CallOptions, StateStore } from "../contract/store.js";
import { type Cell, corruptRecord, decodeRecord } from "../typed/cell.js";
import { Collection } from "../typed/collection.js";
import { digestOf, scopedEventId } from "../typed/names.js";
import type { Clock } from "../typed/time.js";
import { type TransactOptions, transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import type { Approval } from "./approval.js";
import { digestOfCall } from "./digest.js";
import { noSuchApproval } from "./errors.js";
import { nameLargeField, type StoredRequest } from "./request.js";
import { type IndexEntry, isEntryOf, StatusIndex } from "./status-index.js";
import {
  type ApprovalKey,
  approvalOf,
  REQUEST_CODEC,
  type RequestRecord,
  STATE_CODEC,
  type StoredApproval,
  type StoredState,
} from "./stored-approval.js";
import { isSameContent, type RequestFingerprint, type Transition } from "./transitions.js";

type WriteOptions = Pick<TransactOptions, "signal" | "repeatable">;

const COLLECTION = "approval";

/**
 * The records of approvals. An approval and its index entries are written in the same commit. The request has a record
 * of its own that never changes, so a large request leaves room for the decision and the outcome in the other record.
 */
export class ApprovalRecords {
  readonly store: StateStore;
  readonly index: StatusIndex;
  readonly now: Clock;
  readonly #states: Collection<StoredState>;
  readonly #requests: Collection<RequestRecord>;

  constructor(store: StateStore, now: Clock) {
    this.store = store;
    this.now = now;
    this.index = new StatusIndex(store);
    this.#states = new Collection(store, COLLECTION, { codec: STATE_CODEC });
    this.#requests = new Collection(store, "approval.request", { codec: REQUEST_CODEC });
  }

  cell({ identity, id }: ApprovalKey): Cell<StoredState> {
    return this.#states.at(identity, id);
  }

  /** CORRUPT. */
  async find(key: ApprovalKey, { signal }: CallOptions): Promise<StoredApproval | undefined> {
    const cells = [this.cell(key), this.#requestCell(key)] as const;
    for (let before: string | undefined; ; ) {
      const records = await Promise.all(
        cells.map(({ identity, kind }) => this.store.find(identity, kind, { signal })),
      );
      const [found, request] = records;
      if (found === undefined) return undefined;
      const state = await decodeRecord(STATE_CODEC, found);
      const approval = joinRecords(state, request && (await decodeRecord(REQUEST_CODEC, request)));
      if (approval !== undefined) return approval;
      // The approval may have been erased and requested again between the two reads. Read again.
      if (found.eventId === before) throw corruptRecord(cells[1], "the request of an approval is missing");
      before = found.eventId;
    }
  }

  /**
   * Writes a new approval. The store knows a caller's id for its idempotency window, so a late retry does not create an
   * erased approval again: NOT_FOUND. IDEMPOTENCY_CONFLICT when another request has this id, INVALID_RECORD when the
   * request is too large.
   */
  async create(
    key: ApprovalKey,
    request: StoredRequest,
    options: WriteOptions,
  ): Promise<{ approval: Approval; duplicate: boolean }> {
    const cell = this.cell(key);
    const { user, session } = key.identity;
    const eventId = scopedEventId(digestOf(COLLECTION, user, session), key.id);
    const digest = await digestOfCall(request.tool, request.arguments);
    try {
      const approval = await transact(
        this.store,
        async (transaction) => {
          const now = this.now();
          const state = {
            status: "pending",
            digest,
            requestedAt: now,
            expiresAt: now + request.ttlMs,
          } as const;
          const created = { ...state, request };
          await transaction.create(cell, state, eventId);
          await transaction.set(this.#requestCell(key), { requestedAt: now, request });
          await this.index.move(transaction, key, undefined, created);
          return approvalOf(key, created, now);
        },
        { ...options, turn: cell },
      );
      return { approval, duplicate: false };
    } catch (error) {
      if (!isStateError(error, "IDEMPOTENCY_CONFLICT") && !isStateError(error, "CONDITION_FAILED"))
        throw nameLargeField(error, request);
    }
    return { approval: await this.#requestedBefore(key, { digest, request }, options), duplicate: true };
  }

  /** Applies the transition to the approval, atomically. NOT_FOUND, and the errors of the transition. */
  async change(key: ApprovalKey, transition: Transition, options: WriteOptions): Promise<Approval> {
    const cell = this.cell(key);
    const { approval, now } = await transact(
      this.store,
      async (transaction) => {
        const { before, hasInlineRequest } = await this.#read(transaction, key);
        const now = this.now();
        const approval = transition(before, now);
        if (approval !== before) {
          const { request, ...state } = approval;
          await transaction.set(cell, state);
          if (hasInlineRequest)
            await transaction.set(this.#requestCell(key), { requestedAt: state.requestedAt, request });
          await this.index.move(transaction, key, before, approval);
        }
        return { approval, now };
      },
      { ...options, turn: cell },
    );
    return approvalOf(key, approval, now);
  }

  /** Removes an approval with both of its index entries. Returns whether there was one. */
  async remove(entry: IndexEntry, signal: AbortSignal | undefined): Promise<boolean> {
    const cell = this.cell(entry.key);
    return transact(
      this.store,
      async (transaction) => {
        if (!(await this.index.removeBoth(transaction, entry))) return false;
        const state = await transaction.get(cell);
        if (state === undefined || !isEntryOf(entry, state)) return false;
        transaction.delete(cell);
        transaction.delete(this.#requestCell(entry.key));
        return true;
      },
      { signal, repeatable: true, turn: cell },
    );
  }

  /** The approval to change, and whether its record contains the request, as those of older versions do. */
  async #read(transaction: Transaction, key: ApprovalKey) {
    const [state, request] = await Promise.all([
      transaction.get(this.cell(key)),
      transaction.get(this.#requestCell(key)),
    ]);
    if (state === undefined) throw noSuchApproval();
    // If the two records come from different moments, the commit fails and the transaction runs again.
    const before = joinRecords(state, request) ?? (await this.find(key, {}));
    if (before === undefined) throw noSuchApproval();
    return { before, hasInlineRequest: state.request !== undefined };
  }

  #requestCell({ identity, id }: ApprovalKey): Cell<RequestRecord> {
    return this.#requests.at(identity, id);
  }

  async #requestedBefore(
    key: ApprovalKey,
    requested: Omit<RequestFingerprint, "requestedAt">,
    options: CallOptions,
  ): Promise<Approval> {
    const before = await this.find(key, options);
    if (before === undefined) throw noSuchApproval();
    if (!isSameContent(before, requested)) {
      throw new StateError("IDEMPOTENCY_CONFLICT", "something else was asked for under this id", {
        details: { change: 0 },
      });
    }
    return approvalOf(key, before, this.now());
  }
}

/** Joins the two records of an approval; `undefined` if they belong to different requests. */
function joinRecords(state: StoredState, record: RequestRecord | undefined): StoredApproval | undefined {
  if (state.request !== undefined) return { ...state, request: state.request };
  return record?.requestedAt === state.requestedAt ? { ...state, request: record.request } : undefined;
}
