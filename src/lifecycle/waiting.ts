import { isStateError } from "../contract/errors.js";
import type { StateRecord, Watch } from "../contract/store.js";
import { onAbort } from "../timing/on-abort.js";
import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../timing/real-timers.js";
import { type Cell, cellKey, decodeRecord } from "../typed/cell.js";
import { inOneSlice } from "../typed/slices.js";
import { watchSlots } from "../watch/watch-by-reading.js";
import { waitTimedOut } from "./errors.js";
import type { LifecycleRecords } from "./records.js";
import type { LifecycleKey, LifecycleState, Whole } from "./stored.js";

interface Waiter<V> {
  readonly resolve: (record: V | Promise<V>) => void;
  readonly reject: (error: unknown) => void;
  readonly timeoutMs: number;
  /** On the clock of `monotonicMs`. */
  readonly deadline: number;
  readonly release: () => void;
}

/** A record with all its waiters. */
interface Waited<S, V> {
  readonly key: LifecycleKey;
  readonly cell: Cell<S>;
  readonly changes: Watch;
  readonly waiters: Set<Waiter<V>>;
  /** When it expires and has to be read, by the clock of the records; infinite until it was read. */
  expiresAt: number;
}

export interface WaitLimits {
  /** Infinity: no limit. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * All waiters of this process. The store watches their records; one timer looks for those that expire, because that
 * changes no record, and for waiters whose time is up.
 */
export class Waiting<S extends LifecycleState, C, V> {
  readonly #records: LifecycleRecords<S, C, V>;
  readonly #pollMs: number;
  readonly #waited = new Map<string, Waited<S, V>>();
  #timer: Timer | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(records: LifecycleRecords<S, C, V>, pollMs: number) {
    this.#records = records;
    this.#pollMs = pollMs;
  }

  /** Returns the record when its status is no longer an awaited one. NOT_FOUND, WAIT_TIMED_OUT, errors of reads except UNAVAILABLE. */
  wait(key: LifecycleKey, { timeoutMs, signal }: WaitLimits): Promise<V> {
    return new Promise((resolve, reject) => {
      const waited = this.#waitedFor(key);
      const deadline = monotonicMs() + timeoutMs;
      const abort = () => this.#rejectWaiter(waited, waiter, signal?.reason);
      const release = signal === undefined ? () => {} : onAbort(signal, abort);
      const waiter: Waiter<V> = { resolve, reject, timeoutMs, deadline, release };
      waited.waiters.add(waiter);
      this.#wakeBy(deadline);
    });
  }

  #waitedFor(key: LifecycleKey): Waited<S, V> {
    const cell = this.#records.cell(key);
    const id = cellKey(cell);
    const known = this.#waited.get(id);
    if (known !== undefined) return known;
    // The timer keeps the process alive.
    const changes = watchSlots(this.#records.store, [cell], { pollMs: this.#pollMs, ref: false });
    const waited = { key, cell, changes, waiters: new Set<Waiter<V>>(), expiresAt: Number.POSITIVE_INFINITY };
    this.#waited.set(id, waited);
    void this.#follow(waited);
    this.#wakeBy(monotonicMs() + this.#pollMs);
    return waited;
  }

  /** Settles the waiters as soon as the status is no longer an awaited one. Never rejects. */
  async #follow(waited: Waited<S, V>): Promise<void> {
    try {
      for await (const { record } of waited.changes) await this.#examine(waited, record);
      // The watch has ended because the waiters are gone, or because the store was closed: then this is STORE_CLOSED.
      if (waited.waiters.size > 0) await this.#settle(waited);
    } catch (error) {
      this.#settleAll(waited, ({ reject }) => reject(error));
    }
  }

  async #examine(waited: Waited<S, V>, record: StateRecord | undefined): Promise<void> {
    if (record === undefined) throw this.#records.declared.notFound();
    const state = await decodeRecord(waited.cell.codec, record);
    if (this.#isAwaited(state, this.#records.now())) this.#setExpiry(waited, state);
    else await this.#settle(waited);
  }

  #isAwaited(state: S, now: number): boolean {
    return this.#records.declared.awaited.includes(this.#records.declared.statusAt(state, now));
  }

  #setExpiry(
    waited: Waited<S, V>,
    { expiresAt = Number.POSITIVE_INFINITY }: { readonly expiresAt?: number },
  ): void {
    waited.expiresAt = expiresAt;
    if (waited.waiters.size > 0) this.#wakeAtExpiry(waited);
  }

  /** Reads the whole record. */
  async #settleUnlessAwaited(waited: Waited<S, V>): Promise<void> {
    const { key, waiters } = waited;
    const whole = await this.#records.find(key, {});
    if (whole === undefined) throw this.#records.declared.notFound();
    const now = this.#records.now();
    if (this.#isAwaited(whole.state, now)) {
      this.#setExpiry(waited, whole.state);
      return;
    }
    const isOnly = waiters.size === 1;
    // Each of several waiters gets a copy, made in a slice of its own because a record may be large.
    const view = () =>
      this.#records.declared.view(key, isOnly ? whole : structuredClone<Whole<S, C>>(whole), now);
    this.#settleAll(waited, ({ resolve }) => resolve(isOnly ? view() : inOneSlice(view)));
  }

  /** `#settleUnlessAwaited`, and again after a while if the store is unavailable. */
  async #settle(waited: Waited<S, V>): Promise<void> {
    // Not again until the answer is there.
    waited.expiresAt = Number.POSITIVE_INFINITY;
    try {
      await this.#settleUnlessAwaited(waited);
    } catch (error) {
      if (!isStateError(error, "UNAVAILABLE")) throw error;
      this.#setExpiry(waited, { expiresAt: this.#records.now() + this.#pollMs });
    }
  }

  async #expire(waited: Waited<S, V>): Promise<void> {
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
    // The clock of the records may be set forward.
    this.#wakeBy(time + this.#pollMs);
    for (const waited of this.#waited.values()) {
      this.#wakeAtExpiry(waited);
      for (const { deadline } of waited.waiters) this.#wakeBy(deadline);
    }
  }

  #wakeAtExpiry({ expiresAt }: Waited<S, V>): void {
    this.#wakeBy(monotonicMs() + expiresAt - this.#records.now());
  }

  #timeOut(waited: Waited<S, V>, waiter: Waiter<V>): void {
    const { awaited } = this.#records.declared;
    this.#rejectWaiter(waited, waiter, waitTimedOut(awaited, waiter.timeoutMs));
  }

  #rejectWaiter(waited: Waited<S, V>, waiter: Waiter<V>, reason: unknown): void {
    waited.waiters.delete(waiter);
    waiter.release();
    waiter.reject(reason);
    if (waited.waiters.size === 0) this.#remove(waited);
  }

  #settleAll(waited: Waited<S, V>, settle: (waiter: Waiter<V>) => void): void {
    for (const waiter of waited.waiters) {
      waiter.release();
      settle(waiter);
    }
    waited.waiters.clear();
    this.#remove(waited);
  }

  #remove(waited: Waited<S, V>): void {
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
