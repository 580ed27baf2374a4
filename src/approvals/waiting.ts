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
  approvalOf,
  type Place,
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

/** One approval that somebody waits for, however many. */
interface Watch {
  readonly place: Place;
  readonly cell: Cell<StoredState>;
  readonly waiters: Set<Waiter>;
  asking: boolean;
  /** What was pending when it was last read: read again, it is the same approval. */
  seen?: { readonly eventId: string; readonly expiresAt: number };
  /** When it is to be asked for, apart from every poll. */
  overdueAt: number;
}

export interface WaitLimits {
  /** Infinity: for as long as it takes. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * All who wait for decisions, behind one timer. At every poll each approval is read once, all of them at the same
 * moment, so that the store makes one question of it. Decisions of this process are seen at once.
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

  /** The approval once it is not pending any more. NOT_FOUND, WAIT_TIMED_OUT, what reading it throws but UNAVAILABLE. */
  wait(place: Place, { timeoutMs, signal }: WaitLimits): Promise<Approval> {
    return new Promise((resolve, reject) => {
      const watch = this.#watch(place);
      const deadline = monotonicMs() + timeoutMs;
      const abort = () => this.#leave(watch, waiter, signal?.reason);
      const release = signal === undefined ? () => {} : onAbort(signal, abort);
      const waiter: Waiter = { resolve, reject, timeoutMs, deadline, release };
      watch.waiters.add(waiter);
      this.#wakeBy(deadline);
    });
  }

  #watch(place: Place): Watch {
    const cell = this.#records.cell(place);
    const key = cellKey(cell);
    const known = this.#watches.get(key);
    if (known !== undefined) return known;
    if (this.#watches.size === 0) this.#start();
    const watch: Watch = {
      place,
      cell,
      waiters: new Set(),
      asking: false,
      overdueAt: Number.POSITIVE_INFINITY,
    };
    this.#watches.set(key, watch);
    void this.#ask(watch);
    return watch;
  }

  #start(): void {
    this.#stopListening = listen(this.#records.store, (key, approval) => {
      const watch = this.#watches.get(key);
      if (watch === undefined) return;
      const now = this.#records.now();
      // Whoever made it so has it too.
      this.#see(watch, statusAt(approval, now) === "pending" ? approval : structuredClone(approval), now);
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
    const polls = time >= this.#pollAt;
    if (polls) this.#pollAt = time + this.#pollMs;
    for (const watch of this.#watches.values()) {
      for (const waiter of watch.waiters) if (waiter.deadline <= time) this.#timeOut(watch, waiter);
      if (watch.waiters.size > 0 && (polls || watch.overdueAt <= this.#records.now())) void this.#ask(watch);
    }
    if (this.#watches.size > 0) this.#wakeForNext();
  }

  #wakeForNext(): void {
    this.#wakeBy(this.#pollAt);
    for (const watch of this.#watches.values()) {
      this.#wakeWhenOverdue(watch);
      for (const { deadline } of watch.waiters) this.#wakeBy(deadline);
    }
  }

  #wakeWhenOverdue({ overdueAt }: Watch): void {
    this.#wakeBy(monotonicMs() + overdueAt - this.#records.now());
  }

  async #ask(watch: Watch): Promise<void> {
    if (watch.asking) return;
    watch.asking = true;
    // Whether it is overdue is judged by what is read after that.
    watch.overdueAt = Number.POSITIVE_INFINITY;
    const now = this.#records.now();
    try {
      await this.#look(watch, now);
    } catch (error) {
      // The store may be there again at the next poll.
      if (!isStateError(error, "UNAVAILABLE")) this.#end(watch, ({ reject }) => reject(error));
    } finally {
      watch.asking = false;
    }
  }

  async #look(watch: Watch, now: number): Promise<void> {
    const { identity, kind, codec } = watch.cell;
    const record = await this.#records.store.find(identity, kind);
    if (record === undefined) throw noSuchApproval();
    const { seen } = watch;
    if (record.eventId === seen?.eventId && now < seen.expiresAt) {
      this.#expectExpiry(watch, seen.expiresAt);
      return;
    }
    const state = await decodeRecord(codec, record);
    watch.seen = { eventId: record.eventId, expiresAt: state.expiresAt };
    if (statusAt(state, now) === "pending") {
      this.#expectExpiry(watch, state.expiresAt);
      return;
    }
    const approval = await this.#records.find(watch.place, {});
    if (approval === undefined) throw noSuchApproval();
    this.#see(watch, approval, now);
  }

  #see(watch: Watch, approval: StoredApproval, now: number): void {
    if (statusAt(approval, now) === "pending") {
      this.#expectExpiry(watch, approval.expiresAt);
      return;
    }
    const { place, waiters } = watch;
    const isOnly = waiters.size === 1;
    // Copied for each of many in a slice of its own: it may be large.
    const own = () => approvalOf(place, isOnly ? approval : structuredClone(approval), now);
    this.#end(watch, ({ resolve }) => resolve(isOnly ? own() : inOneSlice(own)));
  }

  #expectExpiry(watch: Watch, expiresAt: number): void {
    watch.overdueAt = expiresAt;
    if (watch.waiters.size > 0) this.#wakeWhenOverdue(watch);
  }

  #timeOut(watch: Watch, waiter: Waiter): void {
    const { timeoutMs } = waiter;
    const error = new StateError("WAIT_TIMED_OUT", `still pending after ${timeoutMs} ms`, {
      details: { timeoutMs },
    });
    this.#leave(watch, waiter, error);
  }

  #leave(watch: Watch, waiter: Waiter, reason: unknown): void {
    watch.waiters.delete(waiter);
    waiter.release();
    waiter.reject(reason);
    if (watch.waiters.size === 0) this.#forget(watch);
  }

  #end(watch: Watch, settle: (waiter: Waiter) => void): void {
    for (const waiter of watch.waiters) {
      waiter.release();
      settle(waiter);
    }
    watch.waiters.clear();
    this.#forget(watch);
  }

  #forget(watch: Watch): void {
    const key = cellKey(watch.cell);
    if (this.#watches.get(key) !== watch) return;
    this.#watches.delete(key);
    if (this.#watches.size === 0) this.#stop();
  }
}
