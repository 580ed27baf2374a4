import type { Identity } from "../contract/store.js";
import { copySessionOrRun } from "../typed/cell.js";
import type { InputReader } from "../typed/input-reader.js";
import { readScopedId } from "../typed/names.js";
import { adjustWork, type Correction, type CorrectionReceipt } from "./adjust.js";
import type { AttemptInput, AttemptReceipt } from "./attempt.js";
import type { Attempts } from "./attempts.js";
import type { Budget } from "./budget.js";
import type { BudgetScope } from "./budget-scope.js";
import type { BudgetInput, Budgets } from "./budgets.js";
import type { Scope } from "./cells.js";
import { type NewLedgerEntry, readEntry } from "./entry.js";
import { type Recording, type RecordingParts, type RecordReceipt, recordWork } from "./record.js";
import type { ExtendInput, Reservation } from "./reservation.js";
import type { Reservations } from "./reservations.js";
import { readScope } from "./scope.js";
import type { Work } from "./work.js";

/** What the mutating methods of a ledger do, through its combiner or in a unit. Each reads its input first. */
export class LedgerWorks {
  readonly #parts: RecordingParts;
  readonly #budgets: Budgets;
  readonly #reservations: Reservations;
  readonly #attempts: Attempts;
  readonly #now: () => number;
  readonly #inputs: InputReader;

  constructor(
    parts: RecordingParts,
    budgets: Budgets,
    reservations: Reservations,
    attempts: Attempts,
    { now, inputs }: { readonly now: () => number; readonly inputs: InputReader },
  ) {
    this.#parts = parts;
    this.#budgets = budgets;
    this.#reservations = reservations;
    this.#attempts = attempts;
    this.#now = now;
    this.#inputs = inputs;
  }

  record(identity: Identity, entry: NewLedgerEntry): Work<RecordReceipt> {
    return recordWork(this.#parts, this.#readRecording(copySessionOrRun(identity), entry));
  }

  attempt(identity: Identity, attempt: AttemptInput): Work<AttemptReceipt> {
    return this.#attempts.tell(copySessionOrRun(identity), attempt);
  }

  adjust(scope: Scope, entry: string, correction: Correction): Work<CorrectionReceipt> {
    return adjustWork(this.#parts, readScope(scope), entry, { correction, inputs: this.#inputs });
  }

  setBudget(scope: BudgetScope, budget: BudgetInput): Work<Budget> {
    return this.#budgets.set(scope, budget);
  }

  settle(identity: Identity, reservationId: string, entry: NewLedgerEntry): Work<RecordReceipt> {
    const owner = copySessionOrRun(identity);
    const id = readScopedId(reservationId, "reservationId");
    const recording = this.#readRecording({ ...owner, reservation: id }, entry);
    return recordWork(this.#parts, recording, this.#reservations.freeing(owner, id));
  }

  release(identity: Identity, reservationId: string): Work<boolean> {
    const owner = copySessionOrRun(identity);
    return this.#reservations.release(owner, readScopedId(reservationId, "reservationId"));
  }

  extend(
    identity: Identity,
    reservationId: string,
    input: ExtendInput | undefined,
  ): Work<Reservation | undefined> {
    const owner = copySessionOrRun(identity);
    return this.#reservations.extend(owner, readScopedId(reservationId, "reservationId"), input);
  }

  #readRecording(owner: Identity & { readonly reservation?: string }, entry: NewLedgerEntry): Recording {
    return { owner, entry: readEntry(entry, owner, this.#now()), isTimeGiven: "at" in entry };
  }
}
