import type { Identity } from "../contract/store.js";
import { copySessionOrRun } from "../typed/cell.js";
import type { Unit } from "../typed/together/unit.js";
import type { Correction, CorrectionReceipt } from "./adjust.js";
import type { AttemptInput, AttemptReceipt } from "./attempt.js";
import type { Budget } from "./budget.js";
import type { BudgetScope } from "./budget-scope.js";
import type { BudgetInput } from "./budgets.js";
import type { LedgerCells, Scope } from "./cells.js";
import type { NewLedgerEntry } from "./entry.js";
import type { RecordReceipt } from "./record.js";
import type { ExtendInput, Reservation, ReserveInput } from "./reservation.js";
import type { Reservations } from "./reservations.js";
import type { Work } from "./work.js";
import { workOperation } from "./work-operation.js";
import type { LedgerWorks } from "./works.js";

/**
 * The mutating methods of the ledger that fit into a commit, as part of a unit of `together`. They take, answer and refuse
 * what the methods of `Ledger` of the same names do, without a signal.
 */
export class LedgerInUnit {
  readonly #unit: Unit;
  readonly #cells: LedgerCells;
  readonly #works: LedgerWorks;
  readonly #reservations: Reservations;

  /** @internal */
  constructor(unit: Unit, cells: LedgerCells, works: LedgerWorks, reservations: Reservations) {
    this.#unit = unit;
    this.#cells = cells;
    this.#works = works;
    this.#reservations = reservations;
  }

  /** Like `Ledger.record`. Budgets and sums count it for the calls of the unit that follow. */
  async record(identity: Identity, entry: NewLedgerEntry): Promise<RecordReceipt> {
    return this.#run(identity, this.#works.record(identity, entry));
  }

  /** Like `Ledger.attempt`. */
  async attempt(identity: Identity, attempt: AttemptInput): Promise<AttemptReceipt> {
    return this.#run(identity, this.#works.attempt(identity, attempt));
  }

  /** Like `Ledger.adjust`. */
  async adjust(scope: Scope, entryId: string, correction: Correction): Promise<CorrectionReceipt> {
    return this.#run(scope, this.#works.adjust(scope, entryId, correction));
  }

  /** Like `Ledger.setBudget`. */
  async setBudget(scope: BudgetScope, budget: BudgetInput): Promise<Budget> {
    return this.#run(scope, this.#works.setBudget(scope, budget));
  }

  /** Like `Ledger.reserve`. */
  async reserve(identity: Identity, input: ReserveInput): Promise<Reservation> {
    return this.#unit.run(this.#reservations.operation(copySessionOrRun(identity), input));
  }

  /** Like `Ledger.extend`. */
  async extend(
    identity: Identity,
    reservationId: string,
    input?: ExtendInput,
  ): Promise<Reservation | undefined> {
    return this.#run(identity, this.#works.extend(identity, reservationId, input));
  }

  /** Like `Ledger.settle`. */
  async settle(identity: Identity, reservationId: string, entry: NewLedgerEntry): Promise<RecordReceipt> {
    return this.#run(identity, this.#works.settle(identity, reservationId, entry));
  }

  /** Like `Ledger.release`. */
  async release(identity: Identity, reservationId: string): Promise<boolean> {
    return this.#run(identity, this.#works.release(identity, reservationId));
  }

  #run<R>({ tenant }: Pick<Scope, "tenant">, work: Work<R>): Promise<R> {
    return this.#unit.run(workOperation(this.#cells, tenant, work));
  }
}
