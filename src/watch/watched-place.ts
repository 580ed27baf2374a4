import type { Slot } from "../contract/driver.js";
import type { EventId, StateRecord } from "../contract/store.js";
import { slotKey } from "../rules/slot-key.js";

/** The current event of a slot; `null` if it is empty. */
export type Current = EventId | null;

export function currentOf(record: Pick<StateRecord, "eventId"> | undefined): Current {
  return record?.eventId ?? null;
}

/** One slot of one watch. It has at most one notice: it is marked, or a record of it is ready. */
export class WatchedPlace {
  readonly slot: Slot;
  readonly key: string;
  readonly index: number;
  readonly #onMarked: () => void;
  readonly #marked: Set<WatchedPlace>;
  /** What the caller has got; `undefined` before the first time. */
  #delivered: Current | undefined;
  #isReading = false;
  /** What a question has found during the read. */
  #foundMeanwhile: Current | undefined;
  /** Read ahead for the caller. */
  #ready: { readonly record: StateRecord | undefined } | undefined;

  /** `marked`: the places of the watch that have to be read, in the order in which they were marked. */
  constructor(slot: Slot, index: number, marked: Set<WatchedPlace>, onMarked: () => void) {
    this.slot = slot;
    this.key = slotKey(slot);
    this.index = index;
    this.#marked = marked;
    this.#onMarked = onMarked;
  }

  get isMarked(): boolean {
    return this.#marked.has(this);
  }

  get isReady(): boolean {
    return this.#ready !== undefined;
  }

  /** The slot may have changed: it has to be read before the caller gets anything of it. */
  mark(): void {
    if (this.isMarked) return;
    this.#ready = undefined;
    this.#marked.add(this);
    this.#onMarked();
  }

  /** The slot had this event at some moment. It may be an old answer, so a difference only means that one has to read. */
  found(current: Current): void {
    if (this.#isReading) this.#foundMeanwhile = current;
    else if (current !== this.#known) this.mark();
  }

  /** A mark during the read counts: the change may be younger than what is read. */
  beginRead(): void {
    this.#marked.delete(this);
    this.#isReading = true;
    this.#foundMeanwhile = undefined;
  }

  /** The read has failed, and will be repeated. */
  endFailedRead(): void {
    this.#isReading = false;
    this.mark();
  }

  /**
   * Keeps what was read, unless the caller has got it. A slot that has changed since the read began is read again before
   * that, except if `atOnce`. Returns whether something was kept.
   */
  endRead(record: StateRecord | undefined, atOnce: boolean): boolean {
    this.#isReading = false;
    const current = currentOf(record);
    const isOld = this.#foundMeanwhile !== undefined && this.#foundMeanwhile !== current;
    if (isOld) this.#marked.add(this);
    if (current === this.#delivered || (this.isMarked && !atOnce)) return false;
    this.#ready = { record };
    return true;
  }

  /** The record that was kept. */
  take(): StateRecord | undefined {
    const record = this.#ready?.record;
    this.#ready = undefined;
    this.#delivered = currentOf(record);
    return record;
  }

  /** What the caller has got, or will get next. */
  get #known(): Current | undefined {
    return this.#ready === undefined ? this.#delivered : currentOf(this.#ready.record);
  }
}
