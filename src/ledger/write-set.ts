import { type Cell, cellKey } from "../typed/cell.js";
import type { Transaction } from "../typed/transaction.js";
import type { EntryOwner, Rollup, RollupCell } from "./cells.js";
import type { StoredEntry } from "./entry.js";
import { addSums, isZero, NO_USAGE, type Sums, subtractSums } from "./usage.js";

interface Written {
  readonly cell: Cell<unknown>;
  /** `undefined` deletes the cell. */
  readonly value: unknown;
}

/** What a call, or a change of one, adds to the sums. */
export interface Counted {
  readonly owner: EntryOwner;
  /** With the names that budgets tell it by. */
  readonly entry: StoredEntry;
  readonly sums: Sums;
}

/** What each transaction has counted. In a unit, several write sets share one. */
const countedIn = new WeakMap<Transaction, Counted[]>();

/**
 * The reads and writes of one attempt. Many units of work change the same cells, so each cell is decoded once, kept here
 * while it changes, and written once.
 */
export class WriteSet {
  readonly #transaction: Transaction;
  readonly #read = new Map<string, Promise<unknown>>();
  /** What this attempt has counted so far. */
  readonly counted: readonly Counted[];
  readonly #written = new Map<string, Written>();
  /** What the part that is running has written. */
  #part: Map<string, Written> | undefined;

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
    const counted = countedIn.get(transaction) ?? [];
    countedIn.set(transaction, counted);
    this.counted = counted;
  }

  /** Notes what this attempt counts. A budget that it sets cannot read that from the store yet. */
  note(counted: Counted): void {
    (this.counted as Counted[]).push(counted);
  }

  /** The value of a cell, including earlier writes of this attempt. CORRUPT. */
  async get<T>(cell: Cell<T>): Promise<T | undefined> {
    const key = cellKey(cell);
    const written = this.#writtenUnder(key);
    if (written !== undefined) return written.value as T | undefined;
    const value = this.#read.get(key) ?? this.#transaction.get(cell);
    this.#read.set(key, value);
    return value as Promise<T | undefined>;
  }

  put<T>(cell: Cell<T>, value: T): void {
    this.#write({ cell, value });
  }

  remove(cell: Cell<unknown>): void {
    this.#write({ cell, value: undefined });
  }

  add(rollups: readonly RollupCell[], sums: Sums): Promise<void> {
    return this.#changeRollups(rollups, (before) => addSums(before, sums));
  }

  subtract(rollups: readonly RollupCell[], sums: Sums): Promise<void> {
    return this.#changeRollups(rollups, (before) => subtractSums(before, sums));
  }

  /** Runs the work. If it throws, its writes are dropped. */
  async allOrNothing<R>(work: () => Promise<R>): Promise<R> {
    const { length } = this.counted;
    const part = new Map<string, Written>();
    this.#part = part;
    try {
      const result = await work();
      for (const [key, written] of part) this.#written.set(key, written);
      return result;
    } catch (error) {
      (this.counted as Counted[]).length = length;
      throw error;
    } finally {
      this.#part = undefined;
    }
  }

  /** Writes the changes to the transaction. */
  async flush(): Promise<void> {
    for (const { cell, value } of this.#written.values()) {
      if (value === undefined) this.#transaction.delete(cell);
      else await this.#transaction.set(cell, value);
    }
  }

  /** Deletes a rollup whose sums become zero, so that its names are removed too. */
  async #changeRollups(rollups: readonly RollupCell[], change: (before: Sums) => Sums): Promise<void> {
    for (const { cell, ...names } of rollups) {
      const key = cellKey(cell);
      // Most were changed by another call of this attempt: nothing is to be waited for.
      const written = this.#writtenUnder(key);
      const before = written === undefined ? await this.get(cell) : (written.value as Rollup | undefined);
      const sums = change(before?.sums ?? NO_USAGE);
      this.#write({ cell, value: isZero(sums) ? undefined : { ...names, sums } }, key);
    }
  }

  #writtenUnder(key: string): Written | undefined {
    return this.#part?.get(key) ?? this.#written.get(key);
  }

  #write(written: Written, key = cellKey(written.cell)): void {
    (this.#part ?? this.#written).set(key, written);
  }
}
