import type { Identity } from "../contract/store.js";
import { copySessionOrRun } from "../typed/cell.js";
import { readScopedId } from "../typed/names.js";
import type { Budget } from "./budget.js";
import type { LedgerCells, Scope } from "./cells.js";
import { type NewLedgerEntry, readEntry } from "./entry.js";
import type { Links } from "./links.js";
import { type Recording, type RecordReceipt, recordWork } from "./record.js";
import type { BudgetInput, Reservations } from "./reservations.js";
import { readBudgetScope } from "./scope.js";
import type { Work } from "./work.js";

/** What the mutating methods of a ledger do, through its combiner or in a unit. Each reads its input first. */
export class LedgerWorks {
  readonly #cells: LedgerCells;
  readonly #links: Links;
  readonly #reservations: Reservations;
  readonly #now: () => number;

  constructor(cells: LedgerCells, links: Links, reservations: Reservations, now: () => number) {
    this.#cells = cells;
    this.#links = links;
    this.#reservations = reservations;
    this.#now = now;
  }

  record(identity: Identity, entry: NewLedgerEntry): Work<RecordReceipt> {
    const recording = this.#readRecording(copySessionOrRun(identity), entry);
    return recordWork(this.#cells, this.#links, recording);
  }

  setBudget(scope: Scope, budget: BudgetInput): Work<Budget> {
    return this.#reservations.set(readBudgetScope(scope), budget);
  }

  settle(identity: Identity, reservationId: string, entry: NewLedgerEntry): Work<RecordReceipt> {
    const owner = copySessionOrRun(identity);
    const id = readScopedId(reservationId, "reservationId");
    const recording = this.#readRecording({ ...owner, reservation: id }, entry);
    return recordWork(this.#cells, this.#links, recording, this.#reservations.release(owner, id));
  }

  release(identity: Identity, reservationId: string): Work<boolean> {
    const owner = copySessionOrRun(identity);
    return this.#reservations.release(owner, readScopedId(reservationId, "reservationId"));
  }

  #readRecording(owner: Identity & { readonly reservation?: string }, entry: NewLedgerEntry): Recording {
    return { owner, entry: readEntry(entry, owner, this.#now()), isTimeGiven: "at" in entry };
  }
}
