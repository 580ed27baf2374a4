import type { CallOptions, Identity, SessionIdentity, StateStore } from "../contract/store.js";
import { copySession, copySessionOrRun } from "../typed/cell.js";
import { readScopedId } from "../typed/names.js";
import { type Clock, readClock } from "../typed/time.js";
import { readLimit, readNamed, readOptions, readSignal } from "../validation/validate.js";
import type { Budget } from "./budget.js";
import { LedgerCells, type Scope, scopeId, scopeOwner } from "./cells.js";
import { Combiner, type Work } from "./combiner.js";
import { entryOf, type LedgerEntry, type NewLedgerEntry, readEntry, readLabel } from "./entry.js";
import { Forgetting } from "./forget.js";
import type { UsageSummary } from "./groups.js";
import { Links } from "./links.js";
import { type Period, readPeriod } from "./period.js";
import { Reader } from "./reader.js";
import {
  type ReconcileInput,
  type Reconciliation,
  Reconciliations,
  type ReconciliationsOptions,
} from "./reconcile.js";
import { type Recording, type RecordReceipt, recordWork } from "./record.js";
import type { Reservation, ReserveInput } from "./reservation.js";
import { type BudgetInput, Reservations } from "./reservations.js";
import { readBudgetScope, readScope, readTenant, readUser } from "./scope.js";
import { type SummarizeOptions, summarizeUsage } from "./summarize.js";
import { NO_USAGE, type Usage, usageOf } from "./usage.js";

/** What `createLedger` takes beside the store. */
export interface LedgerOptions {
  /** Milliseconds since 1970. Default the process's clock. */
  readonly clock?: Clock;
}

/** Which entries `entries` returns. */
export interface EntriesOptions extends Period, CallOptions {
  /** Only entries after this one: its `id`. */
  readonly after?: string;
  /** 1 to 10,000; all without it. */
  readonly limit?: number;
}

/**
 * What model calls used and cost, for a tenant, its users, their sessions and runs.
 *
 * Entries and sums lie under the user and the tenant, so that they outlive the session. Every sum is written in the same
 * commit as the entry that it counts. Money is exact: a decimal with twelve digits behind the point, never a float.
 */
export class Ledger {
  readonly #cells: LedgerCells;
  readonly #reader: Reader;
  readonly #combiner: Combiner;
  readonly #links: Links;
  readonly #reservations: Reservations;
  readonly #forgetting: Forgetting;
  readonly #reconciliations: Reconciliations;
  readonly #now: Clock;

  /** @internal */
  constructor(store: StateStore, options: LedgerOptions = {}) {
    readNamed(options, "options", ["clock"]);
    this.#now = readClock(options);
    this.#cells = new LedgerCells(store);
    this.#reader = new Reader(this.#cells);
    this.#combiner = new Combiner(store);
    this.#links = new Links(store, this.#cells);
    this.#reservations = new Reservations(store, this.#cells, this.#now);
    this.#forgetting = new Forgetting(store, this.#cells, this.#links, this.#reservations);
    this.#reconciliations = new Reconciliations(store, this.#reader, this.#now);
  }

  /**
   * Records one model call of a session, or of a run of it. With an `eventId` or a `responseId` it is recorded once,
   * however often it is sent; sent with other content it is IDEMPOTENCY_CONFLICT.
   */
  async record(identity: Identity, entry: NewLedgerEntry, options?: CallOptions): Promise<RecordReceipt> {
    const owner = copySessionOrRun(identity);
    const recording = this.#readRecording(owner, entry);
    return this.#run(owner, recordWork(this.#cells, this.#links, recording), options);
  }

  /** The entries of a run or, without one in the identity, of the whole session, in the order of time. */
  async entries(identity: Identity, options?: EntriesOptions): Promise<LedgerEntry[]> {
    const owner = copySessionOrRun(identity);
    const given = readOptions(options, ["since", "until", "after", "limit", "signal"]) as EntriesOptions;
    const signal = readSignal(given);
    const range = {
      ...readPeriod(given),
      ...("after" in given ? { after: readLabel(given.after, "after") } : {}),
    };
    const limit = "limit" in given ? readLimit(given.limit) : Number.POSITIVE_INFINITY;
    const found: LedgerEntry[] = [];
    const { run } = owner;
    const items =
      run === undefined
        ? await this.#reader.ofSession(owner, range, signal)
        : this.#reader.ofRun(owner, run, range, signal);
    for await (const { id, value } of items) {
      if (found.push(entryOf(owner, id, value)) === limit) break;
    }
    return found;
  }

  /** What a tenant, a user, a session or a run used in all: nothing for a session that was forgotten. */
  async totals(scope: Scope, options?: CallOptions): Promise<Usage> {
    const given = readScope(scope);
    const rollup = await this.#cells.totals.get(scopeOwner(given), scopeId(given), options);
    return usageOf(rollup?.sums ?? NO_USAGE);
  }

  /**
   * What a tenant used in a period, by groups. Not a snapshot: what is recorded or forgotten meanwhile may be in it or
   * not.
   */
  async summarize(scope: Pick<Scope, "tenant">, options: SummarizeOptions): Promise<UsageSummary> {
    return (await summarizeUsage(this.#reader, readTenant(scope), options)).summary();
  }

  /** Sets the limits of a tenant, a user or a session, in place of those there were. Reservations stay. */
  async setBudget(scope: Scope, budget: BudgetInput, options?: CallOptions): Promise<Budget> {
    const given = readBudgetScope(scope);
    return this.#run(given, this.#reservations.set(given, budget), options);
  }

  /** The limits of a tenant, a user or a session, and what stands against them; `undefined` without any. */
  async budget(scope: Scope, options?: CallOptions): Promise<Budget | undefined> {
    return this.#reservations.get(readBudgetScope(scope), readCallSignal(options));
  }

  /** Removes the limits and the reservations. Whether there were any. */
  async removeBudget(scope: Scope, options?: CallOptions): Promise<boolean> {
    const { holds: held } = this.#reservations;
    return held.remove(this.#reservations.cellOf(readBudgetScope(scope)), readCallSignal(options));
  }

  /**
   * Holds back what a call is expected to use, in the budgets of the session, of its user and of its tenant that there
   * are, in all or in none. BUDGET_EXCEEDED where what was spent, what is held back and this would exceed a limit.
   */
  async reserve(identity: Identity, input: ReserveInput, options?: CallOptions): Promise<Reservation> {
    const owner = copySessionOrRun(identity);
    const run = <R>(work: Work<R>) => this.#run(owner, work, options);
    return this.#reservations.reserve(owner, input, run, readCallSignal(options));
  }

  /**
   * Records the call that a reservation was for, and frees what it held back, in one step, once. What the call used is
   * recorded also when it is more than was reserved, and when the reservation is overdue or unknown: it was spent.
   */
  async settle(
    identity: Identity,
    reservationId: string,
    entry: NewLedgerEntry,
    options?: CallOptions,
  ): Promise<RecordReceipt> {
    const owner = copySessionOrRun(identity);
    const id = readScopedId(reservationId, "reservationId");
    const recording = this.#readRecording({ ...owner, reservation: id }, entry);
    const freeing = this.#reservations.release(owner, id);
    return this.#run(owner, recordWork(this.#cells, this.#links, recording, freeing), options);
  }

  /** Frees what a reservation holds back, of which nothing was used. Whether it was still held. */
  async release(identity: Identity, reservationId: string, options?: CallOptions): Promise<boolean> {
    const owner = copySessionOrRun(identity);
    const id = readScopedId(reservationId, "reservationId");
    return this.#run(owner, this.#reservations.release(owner, id), options);
  }

  /** Compares what was recorded with what a provider reports for a period, and keeps the result. */
  async reconcile(
    scope: Pick<Scope, "tenant">,
    input: ReconcileInput,
    options?: CallOptions,
  ): Promise<Reconciliation> {
    return this.#reconciliations.run(readTenant(scope), input, options);
  }

  /** The comparisons that were made, the newest first; `after` is the id of the last one seen. */
  async reconciliations(
    scope: Pick<Scope, "tenant">,
    options?: ReconciliationsOptions,
  ): Promise<Reconciliation[]> {
    return this.#reconciliations.list(readTenant(scope), options);
  }

  /**
   * Removes what names a session: from its entries the session, the run, the turn, the provider's id of the answer and
   * the caller's own; its totals, those of its runs, its budget. What it cost stays in all other sums. How many entries
   * it was. Interrupted, it may be called again.
   */
  async forget(identity: SessionIdentity, options: CallOptions = {}): Promise<number> {
    const owner = copySession(identity);
    const run = <R>(work: Work<R>) => this.#run(owner, work, options);
    return this.#forgetting.session(owner, run, readCallSignal(options));
  }

  /**
   * Removes what names a user: all their entries become the tenant's own, without a session and without a user; their
   * totals, budgets, reservations and all ids of theirs go. What it cost stays in every sum of the tenant. How many
   * entries it was. Interrupted, it may be called again; what is recorded for the user meanwhile or later names them.
   */
  async forgetUser(user: Pick<Identity, "tenant" | "user">, options: CallOptions = {}): Promise<number> {
    const owner = readUser(user);
    const run = <R>(work: Work<R>) => this.#run(owner, work, options);
    return this.#forgetting.user(owner, run, readCallSignal(options));
  }

  #readRecording(owner: Identity & { readonly reservation?: string }, entry: NewLedgerEntry): Recording {
    return { owner, entry: readEntry(entry, owner, this.#now()), isTimeGiven: "at" in entry };
  }

  #run<R>({ tenant }: Scope, work: Work<R>, options: CallOptions | undefined): Promise<R> {
    return this.#combiner.run(tenant, work, readCallSignal(options));
  }
}

function readCallSignal(options: CallOptions | undefined): AbortSignal | undefined {
  return readSignal(readOptions(options, ["signal"]));
}
