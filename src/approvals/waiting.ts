import { isStateError, StateError } from "../contract/errors.js";
import type { StateRecord, Watch } from "../contract/store.js";
import { onAbort } from "../timing/on-abort.js";
import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../timing/real-timers.js";
import { type Cell, cellKey, decodeRecord } from "../typed/cell.js";
import { inOneSlice } from "../typed/slices.js";
import { watchSlots } from "../watch/watch-by-reading.js";
import type { Approval } from "./approval.js";
import { noSuchApproval } from "./errors.js";
import type { ApprovalRecords } from "./records.js";
import {
  type ApprovalKey,
  approvalOf,
  type StoredApproval,
  type StoredState,
  statusAt,
} from "./stored-approval.js";

interface Waiter {
  readonly resolve: (approval: Approval | Promise<Approval>) => void;
  readonly reject: (error: unknown) => void;
  readonly timeoutMs: number;
  /** On the clock of `monotonicMs`. */
  readonly deadline: number;
  readonly release: () => void;
}

/** An approval with all its waiters. */
interface Waited {
  readonly key: ApprovalKey;
  readonly cell: Cell<StoredState>;
  readonly changes: Watch;
  readonly waiters: Set<Waiter>;
  /** When it expires and has to be read, by the clock of the approvals; infinite until it was read. */
  expiresAt: number;
}

export interface WaitLimits {
  /** Infinity: no limit. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * All waiters of this process. The store watches their approvals; one timer looks for those that expire, because that
 * changes no record, and for waiters whose time is up.
 */
export class Waiting {
  readonly #records: ApprovalRecords;
  readonly #pollMs: number;
  readonly #waited = new Map<string, Waited>();
  #timer: Timer | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(records: ApprovalRecords, pollMs: number) {
    this.#records = records;
    this.#pollMs = pollMs;
  }

  /** Returns the approval when it is no longer pending. NOT_FOUND, WAIT_TIMED_OUT, errors of reads except UNAVAILABLE. */
  wait(key: ApprovalKey, { timeoutMs, signal }: WaitLimits): Promise<Approval> {
    return new Promise((resolve, reject) => {
      const waited = this.#waitedFor(key);
      const deadline = monotonicMs() + timeoutMs;
      const abort = () => this.#rejectWaiter(waited, waiter, signal?.reason);
      const release = signal === undefined ? () => {} : onAbort(signal, abort);
      const waiter: Waiter = { resolve, reject, timeoutMs, deadline, release };
      waited.waiters.add(waiter);
      this.#wakeBy(deadline);
    });
  }

  #waitedFor(key: ApprovalKey): Waited {
    const cell = this.#records.cell(key);
    const id = cellKey(cell);
    const known = this.#waited.get(id);
    if (known !== undefined) return known;
    // The timer keeps the process alive.
    const changes = watchSlots(this.#records.store, [cell], { pollMs: this.#pollMs, ref: false });
    const waited = { key, cell, changes, waiters: new Set<Waiter>(), expiresAt: Number.POSITIVE_INFINITY };
    this.#waited.set(id, waited);
    void this.#follow(waited);
    this.#wakeBy(monotonicMs() + this.#pollMs);
    return waited;
  }

  /** Settles the waiters as soon as the approval is no longer pending. Never rejects. */
  async #follow(waited: Waited): Promise<void> {
    try {
      for await (const { record } of waited.changes) await this.#examine(waited, record);
      // The watch has ended because the waiters are gone, or because the store was closed: then this is STORE_CLOSED.
      if (waited.waiters.size > 0) await this.#settle(waited);
    } catch (error) {
      this.#settleAll(waited, ({ reject }) => reject(error));
    }
  }

  async #examine(waited: Waited, record: StateRecord | undefined): Promise<void> {
    if (record === undefined) throw noSuchApproval();
    const state = await decodeRecord(waited.cell.codec, record);
    if (statusAt(state, this.#records.now()) === "pending") this.#setExpiry(waited, state);
    else await this.#settle(waited);
  }

  #setExpiry(waited: Waited, { expiresAt }: Pick<StoredState, "expiresAt">): void {
    waited.expiresAt = expiresAt;
    if (waited.waiters.size > 0) this.#wakeAtExpiry(waited);
  }

  /** Reads the whole approval. */
  async #settleUnlessPending(waited: Waited): Promise<void> {
    const { key, waiters } = waited;
    const approval = await this.#records.find(key, {});
    if (approval === undefined) throw noSuchApproval();
    const now = this.#records.now();
    if (statusAt(approval, now) === "pending") {
      this.#setExpiry(waited, approval);
      return;
    }
    const isOnly = waiters.size === 1;
    // Each of several waiters gets a copy, made in a slice of its own because an approval may be large.
    const view = () => approvalOf(key, isOnly ? approval : structuredClone<StoredApproval>(approval), now);
    this.#settleAll(waited, ({ resolve }) => resolve(isOnly ? view() : inOneSlice(view)));
  }

  /** `#settleUnlessPending`, and again after a while if the store is unavailable. */
  async #settle(waited: Waited): Promise<void> {
    // Not again until the answer is there.
    waited.expiresAt = Number.POSITIVE_INFINITY;
    try {
      await this.#settleUnlessPending(waited);
    } catch (error) {
      if (!isStateError(error, "UNAVAILABLE")) throw error;
      this.#setExpiry(waited, { expiresAt: this.#records.now() + this.#pollMs });
    }
  }

  async #expire(waited: Waited): Promise<void> {
    try {
      await this.#settle(waited);
    } catch (error) {
      this.#settleAll(waited, ({ reject }) => reject(error));
    }
  }

  #wakeBy(time: number): void {
    if (time >= this.#wakeAt) return;
    clearTimeout(this.#timer);
    this.#wakeAt = time;
    this.#timer = setTimeout(() => this.#tick(), Math.ceil(time - monotonicMs()));
  }

  #tick(): void {
    this.#wakeAt = Number.POSITIVE_INFINITY;
    const time = monotonicMs();
    const now = this.#records.now();
    for (const waited of this.#waited.values()) {
      for (const waiter of waited.waiters) if (waiter.deadline <= time) this.#timeOut(waited, waiter);
      if (waited.waiters.size > 0 && waited.expiresAt <= now) void this.#expire(waited);
    }
    if (this.#waited.size === 0) return;
    // The clock of the approvals may be set forward.
    this.#wakeBy(time + this.#pollMs);
    for (const waited of this.#waited.values()) {
      this.#wakeAtExpiry(waited);
      for (const { deadline } of waited.waiters) this.#wakeBy(deadline);
    }
  }

  #wakeAtExpiry({ expiresAt }: Waited): void {
    this.#wakeBy(monotonicMs() + expiresAt - this.#records.now());
  }

  #timeOut(waited: Waited, waiter: Waiter): void {
    const { timeoutMs } = waiter;
    const error = new StateError("WAIT_TIMED_OUT", `still pending after ${timeoutMs} ms`, {
      details: { timeoutMs },
    });
    this.#rejectWaiter(waited, waiter, error);
  }

  #rejectWaiter(waited: Waited, waiter: Waiter, reason: unknown): void {
    waited.waiters.delete(waiter);
    waiter.release();
    waiter.reject(reason);
    if (waited.waiters.size === 0) this.#remove(waited);
  }

  #settleAll(waited: Waited, settle: (waiter: Waiter) => void): void {
    for (const waiter of waited.waiters) {
      waiter.release();
      settle(waiter);
    }
    waited.waiters.clear();
    this.#remove(waited);
  }

  #remove(waited: Waited): void {
    const key = cellKey(waited.cell);
    void waited.changes.return();
    if (this.#waited.get(key) !== waited) return;
    this.#waited.delete(key);
    if (this.#waited.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wakeAt = Number.POSITIVE_INFINITY;
  }
}
