import type { CallOptions, Identity, SessionIdentity, StateStore } from "../contract/store.js";
import { copySession, copySessionOrRun } from "../typed/cell.js";
import { Combiner } from "../typed/combined/combiner.js";
import { type Clock, readClock } from "../typed/time.js";
import { Unit } from "../typed/together/unit.js";
import { readLimit, readNamed, readOptions, readSignal } from "../validation/validate.js";
import type { Budget } from "./budget.js";
import { LedgerCells, type Scope, scopeId, scopeOwner } from "./cells.js";
import { entryOf, type LedgerEntry, type NewLedgerEntry, readLabel } from "./entry.js";
import { Forgetting } from "./forget.js";
import type { UsageSummary } from "./groups.js";
import { LedgerInUnit } from "./in-unit.js";
import { Links } from "./links.js";
import { type Period, readPeriod } from "./period.js";
import { Reader } from "./reader.js";
import {
  type ReconcileInput,
  type Reconciliation,
  Reconciliations,
  type ReconciliationsOptions,
} from "./reconcile.js";
import type { RecordReceipt } from "./record.js";
import type { Reservation, ReserveInput } from "./reservation.js";
import { type BudgetInput, Reservations } from "./reservations.js";
import { readBudgetScope, readScope, readTenant, readUser } from "./scope.js";
import { type SummarizeOptions, summarizeUsage } from "./summarize.js";
import { NO_USAGE, type Usage, usageOf } from "./usage.js";
import type { Work } from "./work.js";
import { LedgerWorks } from "./works.js";
import { WriteSet } from "./write-set.js";

/** The options of `createLedger`. */
export interface LedgerOptions {
  /** Milliseconds since 1970. Default the process's clock. */
  readonly clock?: Clock;
}

/** Which entries `entries` returns. */
export interface EntriesOptions extends Period, CallOptions {
  /** Only entries after this one: its `id`. */
  readonly after?: string;
  /** 1 to 10,000. Default: all. */
  readonly limit?: number;
}

/**
 * The usage and cost of model calls, for a tenant, its users, their sessions and runs.
 *
 * Entries and sums are stored under the user and the tenant, so that they outlive the session. Sums change in the same
 * commit as the entries that they count. Money is exact: a decimal with twelve digits behind the point, never a float.
 */
export class Ledger {
  readonly #cells: LedgerCells;
  readonly #reader: Reader;
  readonly #combiner: Combiner<WriteSet>;
  readonly #works: LedgerWorks;
  readonly #reservations: Reservations;
  readonly #forgetting: Forgetting;
  readonly #reconciliations: Reconciliations;
  readonly #store: StateStore;

  /** @internal */
  constructor(store: StateStore, options: LedgerOptions = {}) {
    readNamed(options, "options", ["clock"]);
    const now = readClock(options);
    this.#store = store;
    this.#cells = new LedgerCells(store);
    this.#reader = new Reader(this.#cells);
    this.#combiner = new Combiner(store, (transaction) => new WriteSet(transaction));
    const links = new Links(store, this.#cells);
    this.#reservations = new Reservations(store, this.#cells, now);
    this.#works = new LedgerWorks(this.#cells, links, this.#reservations, now);
    this.#forgetting = new Forgetting(store, this.#cells, links, this.#reservations);
    this.#reconciliations = new Reconciliations(store, this.#reader, now);
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): LedgerInUnit {
    return new LedgerInUnit(Unit.check(unit, this.#store), this.#cells, this.#works, this.#reservations);
  }

  /**
   * Records a model call of a session or run. With an `eventId` or a `responseId` it is recorded once: the same call again
   * is a duplicate, and other content is IDEMPOTENCY_CONFLICT.
   */
  async record(identity: Identity, entry: NewLedgerEntry, options?: CallOptions): Promise<RecordReceipt> {
    return this.#run(identity, this.#works.record(identity, entry), options);
  }

  /** The entries of a run or, if the identity names no run, of the whole session, in the order of time. */
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

  /** The total usage of a tenant, a user, a session or a run. Zero for a session that was forgotten. */
  async totals(scope: Scope, options?: CallOptions): Promise<Usage> {
    const given = readScope(scope);
    const rollup = await this.#cells.totals.get(scopeOwner(given), scopeId(given), options);
    return usageOf(rollup?.sums ?? NO_USAGE);
  }

  /**
   * The usage of a tenant in a period, by groups. It is not a snapshot: calls that are recorded or forgotten meanwhile may
   * be included or not.
   */
  async summarize(scope: Pick<Scope, "tenant">, options: SummarizeOptions): Promise<UsageSummary> {
    return (await summarizeUsage(this.#reader, readTenant(scope), options)).summary();
  }

  /** Sets the limits of a tenant, a user or a session, and replaces existing ones. Reservations stay. */
  async setBudget(scope: Scope, budget: BudgetInput, options?: CallOptions): Promise<Budget> {
    return this.#run(scope, this.#works.setBudget(scope, budget), options);
  }

  /** The budget of a tenant, a user or a session; `undefined` if there is none. */
  async budget(scope: Scope, options?: CallOptions): Promise<Budget | undefined> {
    return this.#reservations.get(readBudgetScope(scope), readCallSignal(options));
  }

  /** Removes a budget with its reservations. Returns whether there was one. */
  async removeBudget(scope: Scope, options?: CallOptions): Promise<boolean> {
    const { holds: held } = this.#reservations;
    return held.remove(this.#reservations.cellOf(readBudgetScope(scope)), readCallSignal(options));
  }

  /**
   * Reserves the amounts that a call is expected to use, in the budgets of the session, its user and its tenant: in all
   * that exist, or in none. BUDGET_EXCEEDED if spent, reserved and requested amounts together would exceed a limit.
   */
  async reserve(identity: Identity, input: ReserveInput, options?: CallOptions): Promise<Reservation> {
    const owner = copySessionOrRun(identity);
    const run = <R>(work: Work<R>) => this.#run(owner, work, options);
    return this.#reservations.reserve(owner, input, run, readCallSignal(options));
  }

  /**
   * Records the call of a reservation and frees the reservation, in one commit, once. The usage is recorded even if it is
   * more than was reserved, and if the reservation is overdue or unknown, because it was spent.
   */
  async settle(
    identity: Identity,
    reservationId: string,
    entry: NewLedgerEntry,
    options?: CallOptions,
  ): Promise<RecordReceipt> {
    return this.#run(identity, this.#works.settle(identity, reservationId, entry), options);
  }

  /** Frees a reservation of which nothing was used. Returns whether it was still held. */
  async release(identity: Identity, reservationId: string, options?: CallOptions): Promise<boolean> {
    return this.#run(identity, this.#works.release(identity, reservationId), options);
  }

  /** Compares the recorded usage with a provider's report for a period, and stores the result. */
  async reconcile(
    scope: Pick<Scope, "tenant">,
    input: ReconcileInput,
    options?: CallOptions,
  ): Promise<Reconciliation> {
    return this.#reconciliations.run(readTenant(scope), input, options);
  }

  /** The stored comparisons, the newest first. `after` is the id of the last one that the caller has seen. */
  async reconciliations(
    scope: Pick<Scope, "tenant">,
    options?: ReconciliationsOptions,
  ): Promise<Reconciliation[]> {
    return this.#reconciliations.list(readTenant(scope), options);
  }

  /**
   * Removes the names of a session: from its entries the session, run, turn, `responseId` and `eventId`; and its totals,
   * the totals of its runs and its budget. Its usage stays in all other sums. Returns how many entries it changed. After
   * an interruption, call it again.
   */
  async forget(identity: SessionIdentity, options: CallOptions = {}): Promise<number> {
    const owner = copySession(identity);
    const run = <R>(work: Work<R>) => this.#run(owner, work, options);
    return this.#forgetting.session(owner, run, readCallSignal(options));
  }

  /**
   * Removes the names of a user. The user's entries become the tenant's, without session and user; the user's totals,
   * budgets, reservations and ids are removed. The usage stays in the sums of the tenant. Returns how many entries it
   * changed. After an interruption, call it again. Calls that are recorded meanwhile or later name the user.
   */
  async forgetUser(user: Pick<Identity, "tenant" | "user">, options: CallOptions = {}): Promise<number> {
    const owner = readUser(user);
    const run = <R>(work: Work<R>) => this.#run(owner, work, options);
    return this.#forgetting.user(owner, run, readCallSignal(options));
  }

  #run<R>({ tenant }: Scope, work: Work<R>, options: CallOptions | undefined): Promise<R> {
    // All work of the tenant changes its total, or reads it.
    return this.#combiner.run(this.#cells.totalOf({ tenant }), work, readCallSignal(options));
  }
}

function readCallSignal(options: CallOptions | undefined): AbortSignal | undefined {
  return readSignal(readOptions(options, ["signal"]));
}
