import type { Cell } from "../cell.js";
import { cellKey } from "../cell.js";
import type { Transaction } from "../transaction.js";
import type { Line, Rollup } from "./places.js";
import { isNothing, minus, NOTHING, plus, type Sums } from "./usage.js";

/**
 * What one attempt makes of the rollups. Many entries add to the same ones, so they are kept here and written once.
 */
export class Book {
  readonly transaction: Transaction;
  readonly #read = new Map<string, Promise<unknown>>();
  readonly #open = new Map<string, { readonly cell: Cell<Rollup>; rollup: Rollup }>();

  constructor(transaction: Transaction) {
    this.transaction = transaction;
  }

  /** What a cell held before this attempt: decoded once, however many ask. */
  read<T>(cell: Cell<T, never>): Promise<T | undefined> {
    const key = cellKey(cell);
    const reading = this.#read.get(key) ?? this.transaction.get(cell);
    this.#read.set(key, reading);
    return reading as Promise<T | undefined>;
  }

  /** All lines or, where one cannot be read or added to, none. */
  async add(lines: readonly Line[], sums: Sums): Promise<void> {
    await this.#change(lines, (before) => plus(before, sums));
  }

  async subtract(lines: readonly Line[], sums: Sums): Promise<void> {
    await this.#change(lines, (before) => minus(before, sums));
  }

  /** What a rollup says, with what was added to it here. */
  async sums(cell: Cell<Rollup>): Promise<Sums> {
    const open = this.#open.get(cellKey(cell));
    return open ? open.rollup.sums : ((await this.read(cell))?.sums ?? NOTHING);
  }

  /** Hands what changed to the transaction; a rollup of nothing goes, with the name it holds. */
  async close(): Promise<void> {
    for (const { cell, rollup } of this.#open.values()) {
      if (isNothing(rollup.sums)) this.transaction.delete(cell);
      else await this.transaction.set(cell, rollup);
    }
  }

  async #change(lines: readonly Line[], change: (before: Sums) => Sums): Promise<void> {
    const changed = await Promise.all(
      lines.map(async ({ cell, ...names }) => ({
        cell,
        rollup: { ...names, sums: change(await this.sums(cell)) },
      })),
    );
    for (const each of changed) this.#open.set(cellKey(each.cell), each);
  }
}
