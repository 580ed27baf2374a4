import { invalid } from "../../contract/errors.js";
import type { StateStore } from "../../contract/store.js";
import { newEventId } from "../../process/event-id.js";
import { cellKey } from "../cell.js";
import { runExclusive, type TakeTurn } from "../mutex.js";
import type { Operation } from "../operation.js";
import { Transaction } from "../transaction.js";

/**
 * What `together` passes to its function: the wrappers' `in(unit)` takes it. It is of use until that function has returned,
 * and for wrappers on the same store.
 */
export class Unit {
  readonly #store: StateStore;
  readonly #signal: AbortSignal | undefined;
  readonly #transaction: Transaction;
  readonly #takeTurn: TakeTurn | undefined;
  readonly #turns = new Set<string>();
  /** Calls of one unit run one after the other: each sees what those before it wrote. */
  readonly #lock = `unit ${newEventId()}`;
  #pending = 0;
  #repeatable = true;
  #isOver = false;

  /** @internal */
  constructor(store: StateStore, signal: AbortSignal | undefined, takeTurn?: TakeTurn) {
    this.#store = store;
    this.#signal = signal;
    this.#takeTurn = takeTurn;
    this.#transaction = new Transaction(store, signal);
  }

  /** For wrappers: refuses what is no unit, a unit that is over, and one of another store. INVALID_RECORD. */
  static check(unit: unknown, store: StateStore): Unit {
    if (!(unit instanceof Unit)) throw invalid("unit", "what `together` passes to its function");
    unit.#refuseIfOver();
    if (unit.#store !== store) throw invalid("unit", "one of `together` on the same store as the wrapper");
    return unit;
  }

  /**
   * For wrappers: carries out an operation as part of the unit, after the calls that were made before. If it rejects, it has
   * written nothing.
   */
  async run<R>(reading: Operation<R> | Promise<Operation<R>>): Promise<R> {
    const operation = Promise.resolve(reading);
    // A call that is refused before its turn leaves nobody to look at an input that cannot be read.
    operation.catch(() => {});
    this.#refuseIfOver();
    this.#pending++;
    try {
      return await runExclusive(this.#store, this.#lock, this.#signal, async () =>
        this.#apply(await operation),
      );
    } catch (error) {
      await clear(operation);
      throw error;
    } finally {
      this.#pending--;
    }
  }

  async #apply<R>(operation: Operation<R>): Promise<R> {
    this.#refuseIfOver();
    const turn = cellKey(operation.turn);
    this.#turns.add(turn);
    await this.#takeTurn?.(turn);
    this.#refuseIfOver();
    if (!operation.repeatable) this.#repeatable = false;
    if (operation.clear !== undefined) this.#transaction.unlessCommitted(async () => operation.clear?.());
    return this.#transaction.allOrNothing(
      async () => (await operation.recall?.(this.#transaction)) ?? operation.apply(this.#transaction),
    );
  }

  /** Refuses to end while a call is under way: nobody would know what came of it. @internal */
  requireIdle(): void {
    if (this.#pending > 0) throw invalid("work", "a function that awaits all calls of its unit");
  }

  /** Removes what was stored for its calls: it is not committed, or nobody knows. @internal */
  async discard(): Promise<void> {
    for (const work of this.#transaction.otherwise) await work().catch(() => {});
  }

  /** No call begins from now on. @internal */
  close(): void {
    this.#isOver = true;
  }

  /** @internal */
  get transaction(): Transaction {
    return this.#transaction;
  }

  /** @internal */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** All calls carry ids of the caller's. @internal */
  get repeatable(): boolean {
    return this.#repeatable;
  }

  /** The locks of the slots that its calls change, in an order that is the same for all units. @internal */
  get turns(): readonly string[] {
    return [...this.#turns].sort();
  }

  #refuseIfOver(): void {
    if (this.#isOver) throw invalid("unit", "used before the function that `together` runs has ended");
  }
}

/** What was stored for a call that is refused has no use. */
async function clear(reading: Promise<Operation<unknown>>): Promise<void> {
  const operation = await reading.catch(() => undefined);
  await operation?.clear?.();
}
