import { isStateError, StateError } from "../contract/errors.js";
import { onAbort } from "../timing/on-abort.js";
import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../timing/real-timers.js";
import { type Cell, cellKey, decodeRecord } from "../typed/cell.js";
import { inOneSlice } from "../typed/slices.js";
import { listen } from "./announcements.js";
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
interface Watch {
  readonly key: ApprovalKey;
  readonly cell: Cell<StoredState>;
  readonly waiters: Set<Waiter>;
  isReading: boolean;
  /** The last record that was read as pending. If its event id is the same at the next poll, it need not be decoded. */
  lastPending?: { readonly eventId: string; readonly expiresAt: number };
  /** When to read the approval because it expires, in addition to the polls. */
  expiryCheckAt: number;
}

export interface WaitLimits {
  /** Infinity: no limit. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * All waiters of this process, behind one timer. At every poll each approval is read once, and all in the same turn of
 * the event loop, so that the store sends one query. Decisions of this process settle the waiters at once.
 */
export class Waiting {
  readonly #records: ApprovalRecords;
  readonly #pollMs: number;
  readonly #watches = new Map<string, Watch>();
  #pollAt = 0;
  #timer: Timer | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  #stopListening: (() => void) | undefined;

  constructor(records: ApprovalRecords, pollMs: number) {
    this.#records = records;
    this.#pollMs = pollMs;
  }

  /** Returns the approval when it is no longer pending. NOT_FOUND, WAIT_TIMED_OUT, errors of reads except UNAVAILABLE. */
  wait(key: ApprovalKey, { timeoutMs, signal }: WaitLimits): Promise<Approval> {
    return new Promise((resolve, reject) => {
      const watch = this.#watch(key);
      const deadline = monotonicMs() + timeoutMs;
      const abort = () => this.#rejectWaiter(watch, waiter, signal?.reason);
      const release = signal === undefined ? () => {} : onAbort(signal, abort);
      const waiter: Waiter = { resolve, reject, timeoutMs, deadline, release };
      watch.waiters.add(waiter);
      this.#wakeBy(deadline);
    });
  }

  #watch(key: ApprovalKey): Watch {
    const cell = this.#records.cell(key);
    const id = cellKey(cell);
    const known = this.#watches.get(id);
    if (known !== undefined) return known;
    if (this.#watches.size === 0) this.#start();
    const watch: Watch = {
      key,
      cell,
      waiters: new Set(),
      isReading: false,
      expiryCheckAt: Number.POSITIVE_INFINITY,
    };
    this.#watches.set(id, watch);
    void this.#poll(watch);
    return watch;
  }

  #start(): void {
    this.#stopListening = listen(this.#records.store, (key, approval) => {
      const watch = this.#watches.get(key);
      if (watch === undefined) return;
      const now = this.#records.now();
      // The caller that changed the approval holds the same object, so the waiters get a copy.
      this.#settleUnlessPending(
        watch,
        statusAt(approval, now) === "pending" ? approval : structuredClone(approval),
        now,
      );
    });
    this.#pollAt = monotonicMs() + this.#pollMs;
    this.#wakeBy(this.#pollAt);
  }

  #stop(): void {
    this.#stopListening?.();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wakeAt = Number.POSITIVE_INFINITY;
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
    const isPollDue = time >= this.#pollAt;
    if (isPollDue) this.#pollAt = time + this.#pollMs;
    for (const watch of this.#watches.values()) {
      for (const waiter of watch.waiters) if (waiter.deadline <= time) this.#timeOut(watch, waiter);
      if (watch.waiters.size > 0 && (isPollDue || watch.expiryCheckAt <= this.#records.now()))
        void this.#poll(watch);
    }
    if (this.#watches.size > 0) this.#wakeForNext();
  }

  #wakeForNext(): void {
    this.#wakeBy(this.#pollAt);
    for (const watch of this.#watches.values()) {
      this.#wakeAtExpiryCheck(watch);
      for (const { deadline } of watch.waiters) this.#wakeBy(deadline);
    }
  }

  #wakeAtExpiryCheck({ expiryCheckAt }: Watch): void {
    this.#wakeBy(monotonicMs() + expiryCheckAt - this.#records.now());
  }

  async #poll(watch: Watch): Promise<void> {
    if (watch.isReading) return;
    watch.isReading = true;
    // The read schedules the next expiry check.
    watch.expiryCheckAt = Number.POSITIVE_INFINITY;
    const now = this.#records.now();
    try {
      await this.#read(watch, now);
    } catch (error) {
      // The store may be available again at the next poll.
      if (!isStateError(error, "UNAVAILABLE")) this.#settleAll(watch, ({ reject }) => reject(error));
    } finally {
      watch.isReading = false;
    }
  }

  async #read(watch: Watch, now: number): Promise<void> {
    const { identity, kind, codec } = watch.cell;
    const record = await this.#records.store.find(identity, kind);
    if (record === undefined) throw noSuchApproval();
    const { lastPending } = watch;
    if (record.eventId === lastPending?.eventId && now < lastPending.expiresAt) {
      this.#scheduleExpiryCheck(watch, lastPending.expiresAt);
      return;
    }
    const state = await decodeRecord(codec, record);
    watch.lastPending = { eventId: record.eventId, expiresAt: state.expiresAt };
    if (statusAt(state, now) === "pending") {
      this.#scheduleExpiryCheck(watch, state.expiresAt);
      return;
    }
    const approval = await this.#records.find(watch.key, {});
    if (approval === undefined) throw noSuchApproval();
    this.#settleUnlessPending(watch, approval, now);
  }

  #settleUnlessPending(watch: Watch, approval: StoredApproval, now: number): void {
    if (statusAt(approval, now) === "pending") {
      this.#scheduleExpiryCheck(watch, approval.expiresAt);
      return;
    }
    const { key, waiters } = watch;
    const isOnly = waiters.size === 1;
    // Each of several waiters gets a copy, made in a slice of its own because an approval may be large.
    const view = () => approvalOf(key, isOnly ? approval : structuredClone(approval), now);
    this.#settleAll(watch, ({ resolve }) => resolve(isOnly ? view() : inOneSlice(view)));
  }

  #scheduleExpiryCheck(watch: Watch, expiresAt: number): void {
    watch.expiryCheckAt = expiresAt;
    if (watch.waiters.size > 0) this.#wakeAtExpiryCheck(watch);
  }

  #timeOut(watch: Watch, waiter: Waiter): void {
    const { timeoutMs } = waiter;
    const error = new StateError("WAIT_TIMED_OUT", `still pending after ${timeoutMs} ms`, {
      details: { timeoutMs },
    });
    this.#rejectWaiter(watch, waiter, error);
  }

  #rejectWaiter(watch: Watch, waiter: Waiter, reason: unknown): void {
    watch.waiters.delete(waiter);
    waiter.release();
    waiter.reject(reason);
    if (watch.waiters.size === 0) this.#removeWatch(watch);
  }

  #settleAll(watch: Watch, settle: (waiter: Waiter) => void): void {
    for (const waiter of watch.waiters) {
      waiter.release();
      settle(waiter);
    }
    watch.waiters.clear();
    this.#removeWatch(watch);
  }

  #removeWatch(watch: Watch): void {
    const key = cellKey(watch.cell);
    if (this.#watches.get(key) !== watch) return;
    this.#watches.delete(key);
    if (this.#watches.size === 0) this.#stop();
  }
}
