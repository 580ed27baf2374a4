import { isStateError, StateError } from "../contract/errors.js";
import type { CallOptions, StateStore } from "../contract/store.js";
import { type Cell, cellKey, corruptRecord, decodeRecord } from "../typed/cell.js";
import { Collection } from "../typed/collection.js";
import { digestOf, ownEventId } from "../typed/names.js";
import type { Clock } from "../typed/time.js";
import { type TransactOptions, transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import { announce } from "./announcements.js";
import type { Approval } from "./approval.js";
import { digestOfCall } from "./digest.js";
import { noSuchApproval } from "./errors.js";
import { namingTheLarge, type StoredRequest } from "./request.js";
import { type IndexEntry, isEntryOf, StatusIndex } from "./status-index.js";
import {
  APPROVAL,
  ASKED,
  type Asked,
  approvalOf,
  type Place,
  type StoredApproval,
  type StoredState,
} from "./stored-approval.js";
import { type Act, type AskedFor, isSameContent } from "./transitions.js";

type WriteOptions = Pick<TransactOptions, "signal" | "repeatable">;

const COLLECTION = "approval";

/**
 * Approvals where they are kept, each with its index entries in the same commit. What was asked for has a record of its
 * own, which never changes: so there is room for whatever is said of it later, however large it is.
 */
export class ApprovalRecords {
  readonly store: StateStore;
  readonly index: StatusIndex;
  readonly now: Clock;
  readonly #states: Collection<StoredState>;
  readonly #asked: Collection<Asked>;

  constructor(store: StateStore, now: Clock) {
    this.store = store;
    this.now = now;
    this.index = new StatusIndex(store);
    this.#states = new Collection(store, COLLECTION, { codec: APPROVAL });
    this.#asked = new Collection(store, "approval.request", { codec: ASKED });
  }

  cell({ identity, id }: Place): Cell<StoredState> {
    return this.#states.at(identity, id);
  }

  /** CORRUPT. */
  async find(place: Place, { signal }: CallOptions): Promise<StoredApproval | undefined> {
    const cells = [this.cell(place), this.#askedCell(place)] as const;
    for (let before: string | undefined; ; ) {
      const records = await Promise.all(
        cells.map(({ identity, kind }) => this.store.find(identity, kind, { signal })),
      );
      const [found, asked] = records;
      if (found === undefined) return undefined;
      const state = await decodeRecord(APPROVAL, found);
      const whole = joined(state, asked && (await decodeRecord(ASKED, asked)));
      if (whole !== undefined) return whole;
      // It may have been erased, and asked for again, between the two.
      if (found.eventId === before)
        throw corruptRecord(cells[1], "what an approval was asked for is missing");
      before = found.eventId;
    }
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
          const made = { ...state, request };
          await transaction.create(cell, state, eventId);
          await transaction.set(this.#askedCell(place), { requestedAt: now, request });
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
    return { approval: await this.#askedBefore(place, { digest, request }, options), duplicate: true };
  }

  /** Does to an approval what `act` says, at the moment it is done. NOT_FOUND and what `act` throws. */
  async change(place: Place, act: Act, options: WriteOptions): Promise<Approval> {
    const cell = this.cell(place);
    const { approval, now } = await transact(
      this.store,
      async (transaction) => {
        const { before, isInside } = await this.#read(transaction, place);
        const now = this.now();
        const approval = act(before, now);
        if (approval !== before) {
          const { request, ...state } = approval;
          await transaction.set(cell, state);
          if (isInside)
            await transaction.set(this.#askedCell(place), { requestedAt: state.requestedAt, request });
          await this.index.move(transaction, place, before, approval);
        }
        return { approval, now };
      },
      { ...options, turn: cell },
    );
    announce(this.store, cellKey(cell), approval);
    return approvalOf(place, approval, now);
  }

  /** Removes an approval together with an entry of the index and the one beside it. Whether there was one. */
  async remove(entry: IndexEntry, signal: AbortSignal | undefined): Promise<boolean> {
    const cell = this.cell(entry.place);
    return transact(
      this.store,
      async (transaction) => {
        if (!(await this.index.take(transaction, entry))) return false;
        const state = await transaction.get(cell);
        if (state === undefined || !isEntryOf(entry, state)) return false;
        transaction.delete(cell);
        transaction.delete(this.#askedCell(entry.place));
        return true;
      },
      { signal, repeatable: true, turn: cell },
    );
  }

  /** What is to be changed, and whether what was asked for lies inside, as it did before it had its own record. */
  async #read(transaction: Transaction, place: Place) {
    const [state, asked] = await Promise.all([
      transaction.get(this.cell(place)),
      transaction.get(this.#askedCell(place)),
    ]);
    if (state === undefined) throw noSuchApproval();
    // Where the two are of different moments the commit will fail, and this begins again.
    const before = joined(state, asked) ?? (await this.find(place, {}));
    if (before === undefined) throw noSuchApproval();
    return { before, isInside: state.request !== undefined };
  }

  #askedCell({ identity, id }: Place): Cell<Asked> {
    return this.#asked.at(identity, id);
  }

  async #askedBefore(
    place: Place,
    asked: Omit<AskedFor, "requestedAt">,
    options: CallOptions,
  ): Promise<Approval> {
    const before = await this.find(place, options);
    if (before === undefined) throw noSuchApproval();
    if (!isSameContent(before, asked)) {
      throw new StateError("IDEMPOTENCY_CONFLICT", "something else was asked for under this id", {
        details: { change: 0 },
      });
    }
    return approvalOf(place, before, this.now());
  }
}

/** An approval of its two records, or `undefined` where they do not belong together. */
function joined(state: StoredState, asked: Asked | undefined): StoredApproval | undefined {
  if (state.request !== undefined) return { ...state, request: state.request };
  return asked?.requestedAt === state.requestedAt ? { ...state, request: asked.request } : undefined;
}
