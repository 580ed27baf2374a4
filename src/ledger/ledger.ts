import type { RedactOption } from "../contract/redact.js";
import type { CallOptions, Identity, SessionIdentity, StateStore } from "../contract/store.js";
import { isReserved } from "../identity/identity.js";
import { copySession, copySessionOrRun } from "../typed/cell.js";
import { Combiner } from "../typed/combined/combiner.js";
import { InputReader } from "../typed/input-reader.js";
import type { UserData } from "../typed/moving/user-data.js";
import { type Clock, readClock } from "../typed/time.js";
import { Unit } from "../typed/together/unit.js";
import { optional } from "../validation/fields.js";
import { readLimit, readNamed, readOptions, readSignal } from "../validation/validate.js";
import type { Correction, CorrectionReceipt } from "./adjust.js";
import type { Attempt, AttemptInput, AttemptReceipt } from "./attempt.js";
import { Attempts, type AttemptsOptions } from "./attempts.js";
import type { Budget } from "./budget.js";
import { BudgetCounting } from "./budget-counting.js";
import { BudgetHolds } from "./budget-holds.js";
import { BudgetLists, type BudgetPeriod, type BudgetPeriodsOptions } from "./budget-lists.js";
import { BudgetLookup } from "./budget-lookup.js";
import { type BudgetScope, readBudgetKey } from "./budget-scope.js";
import { type BudgetInput, Budgets } from "./budgets.js";
import { LedgerCells, type Scope, scopeId, scopeOwner } from "./cells.js";
import { entryOf, type LedgerEntry, type NewLedgerEntry } from "./entry.js";
import { readTimeKey } from "./entry-id.js";
import { type ExportOptions, type ExportPiece, exportEntries } from "./export.js";
import { type BudgetParts, Forgetting } from "./forget.js";
import type { UsageSummary } from "./groups.js";
import { LedgerInUnit } from "./in-unit.js";
import { Links } from "./links.js";
import { MovingAccounts } from "./moving.js";
import { MovingBudgets } from "./moving-budgets.js";
import { openReservations } from "./open-reservations.js";
import { OrderedReader } from "./ordered-reader.js";
import { type Period, readPeriod } from "./period.js";
import { Reader } from "./reader.js";
import {
  type ReconcileInput,
  type Reconciliation,
  Reconciliations,
  type ReconciliationsOptions,
} from "./reconcile.js";
import type { RecordReceipt } from "./record.js";
import type { ExtendInput, OpenReservation, Reservation, ReserveInput } from "./reservation.js";
import { Reservations } from "./reservations.js";
import { readScope, readTenant, readUser } from "./scope.js";
import { type SummarizeOptions, summarize } from "./summarize.js";
import { NO_USAGE, type Usage, usageOf } from "./usage.js";
import type { Work } from "./work.js";
import { LedgerWorks } from "./works.js";
import { WriteSet } from "./write-set.js";

/** The options of `createLedger`. */
export interface LedgerOptions extends RedactOption {
  /** Milliseconds since 1970. Default the process's clock. */
  readonly clock?: Clock;
}

/** Which budget of a scope is meant. */
export interface BudgetOptions extends CallOptions {
  /** Its name. Left out, it is the one without a name. */
  readonly name?: string;
}

const BUDGET_OPTIONS = ["name", "signal"];
const DEFAULT_LIMIT = 1000;

/** Which entries `entries` returns. */
export interface EntriesOptions extends Period, CallOptions {
  /** Only entries after this one: its `id`. */
  readonly after?: string;
  /** 1 to 10,000. Default: all of a session or run, 1,000 of a user or a tenant. */
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
  readonly #ordered: OrderedReader;
  readonly #combiner: Combiner<WriteSet>;
  readonly #works: LedgerWorks;
  readonly #budgets: BudgetParts;
  readonly #attempts: Attempts;
  readonly #forgetting: Forgetting;
  readonly #moving: MovingAccounts;
  readonly #reconciliations: Reconciliations;
  readonly #store: StateStore;
  readonly #now: Clock;

  /** @internal */
  constructor(store: StateStore, options: LedgerOptions = {}) {
    readNamed(options, "options", ["clock", "redact"]);
    const now = readClock(options);
    const inputs = new InputReader(options, "ledger");
    this.#store = store;
    this.#now = now;
    this.#cells = new LedgerCells(store);
    this.#reader = new Reader(this.#cells);
    this.#ordered = new OrderedReader(this.#cells, this.#reader);
    this.#combiner = new Combiner(store, (transaction) => new WriteSet(transaction));
    const links = new Links(store, this.#cells);
    const lookup = new BudgetLookup(store, this.#cells);
    const holds = new BudgetHolds(store, lookup.budgets);
    const budgets = new Budgets(store, this.#reader, lookup, holds, now);
    const reservations = new Reservations(this.#cells, lookup, holds, now);
    this.#budgets = { lookup, budgets, lists: new BudgetLists(lookup, budgets), holds, reservations };
    const parts = { cells: this.#cells, links, counting: new BudgetCounting(lookup, now) };
    this.#attempts = new Attempts(store, now, inputs);
    this.#works = new LedgerWorks(parts, budgets, reservations, this.#attempts, { now, inputs });
    this.#forgetting = new Forgetting(store, this.#cells, links, this.#budgets, this.#attempts);
    const movingBudgets = new MovingBudgets(store, this.#budgets, now);
    this.#moving = new MovingAccounts(store, parts, movingBudgets, { holds, attempts: this.#attempts });
    this.#reconciliations = new Reconciliations(store, this.#reader, now);
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): LedgerInUnit {
    const { reservations } = this.#budgets;
    return new LedgerInUnit(Unit.check(unit, this.#store), this.#cells, this.#works, reservations);
  }

  /**
   * Records a model call of a session or run. With an `eventId` or a `responseId` it is recorded once: the same call again
   * is a duplicate, and other content is IDEMPOTENCY_CONFLICT.
   */
  async record(identity: Identity, entry: NewLedgerEntry, options?: CallOptions): Promise<RecordReceipt> {
    return this.#run(identity, this.#works.record(identity, entry), options);
  }

  /**
   * Corrects a recorded call: by differences (a refund), or to the right values (a price that was not known or wrong). The
   * correction is an entry of its own, at the time and in the groups of the call, so that all sums and budgets follow; the
   * call's entry keeps what was recorded, and shows the values after all corrections as `corrected`. None falls below 0.
   * `entryId` is the `id` of the entry. NOT_FOUND where the scope has no such entry, IDEMPOTENCY_CONFLICT for another
   * correction under the same event id.
   */
  async adjust(
    scope: Scope,
    entryId: string,
    correction: Correction,
    options?: CallOptions,
  ): Promise<CorrectionReceipt> {
    return this.#run(scope, this.#works.adjust(scope, entryId, correction), options);
  }

  /**
   * Tells of a request to a provider: before it is sent, and with an `outcome` when it has ended. Told again, it is a
   * duplicate; what contradicts what is known is IDEMPOTENCY_CONFLICT, with the `field`. Attempts are kept apart from what
   * is billed: no total and no budget counts them.
   */
  async attempt(identity: Identity, attempt: AttemptInput, options?: CallOptions): Promise<AttemptReceipt> {
    return this.#run(identity, this.#works.attempt(identity, attempt), options);
  }

  /**
   * The attempts of a turn or, by turn, of a run; without a run, those of the session that name none. One without an outcome
   * has the status `open`: it is under way, or its process was killed.
   */
  async attempts(identity: Identity, options?: AttemptsOptions): Promise<Attempt[]> {
    return this.#attempts.list(copySessionOrRun(identity), options);
  }

  /** The entries of a tenant, a user, a session or a run, in the order of time. Not a snapshot. */
  async entries(scope: Scope, options?: EntriesOptions): Promise<LedgerEntry[]> {
    const whose = readScope(scope);
    const given = readOptions(options, ["since", "until", "after", "limit", "signal"]) as EntriesOptions;
    const signal = readSignal(given);
    const range = {
      ...readPeriod(given),
      ...optional(given, "after", readTimeKey),
    };
    const isWide = whose.session === undefined;
    const limit =
      "limit" in given ? readLimit(given.limit) : isWide ? DEFAULT_LIMIT : Number.POSITIVE_INFINITY;
    const found: LedgerEntry[] = [];
    for await (const { owner, id, entry } of this.#ordered.entries(whose, range, signal, limit)) {
      if (found.push(entryOf(owner, id, entry)) === limit) break;
    }
    return found;
  }

  /**
   * The entries of a tenant, a user, a session or a run as text, corrections included, in the order of time; of all calls,
   * or of those of a provider, of a model or with tags. It is read while it is consumed, in flat memory, and is not a
   * snapshot: each entry that was there all the time is in it once.
   */
  export(scope: BudgetScope, options: ExportOptions): AsyncGenerator<ExportPiece, void, undefined> {
    return exportEntries(this.#ordered, scope, options);
  }

  /** The total usage of a tenant, a user, a session or a run. Zero for a session that was forgotten. */
  async totals(scope: Scope, options?: CallOptions): Promise<Usage> {
    const given = readScope(scope);
    const rollup = await this.#cells.totals.get(scopeOwner(given), scopeId(given), options);
    return usageOf(rollup?.sums ?? NO_USAGE);
  }

  /**
   * The usage of a tenant, a user, a session or a run in a period, by one to three things; of all calls, or of those of a
   * provider, of a model or with tags. It is not a snapshot: calls that are recorded or forgotten meanwhile may be included
   * or not. INVALID_RECORD where there would be more than 100,000 groups.
   */
  async summarize(scope: BudgetScope, options: SummarizeOptions): Promise<UsageSummary> {
    return summarize(this.#reader, scope, options);
  }

  /**
   * Sets a budget of a tenant, a user, a session or a run, of all calls or those of a provider, a model or tags, and replaces
   * the one of this name. Reservations stay. A budget that counts in another way than before begins its count anew.
   */
  async setBudget(scope: BudgetScope, budget: BudgetInput, options?: CallOptions): Promise<Budget> {
    return this.#run(scope, this.#works.setBudget(scope, budget), options);
  }

  /** The budget of a scope and name; `undefined` if there is none. */
  async budget(scope: BudgetScope, options?: BudgetOptions): Promise<Budget | undefined> {
    const given = readOptions(options, BUDGET_OPTIONS);
    return this.#budgets.budgets.get(scope, given, readSignal(given));
  }

  /** The budgets of exactly this scope, with all names and filters. Not a snapshot. */
  budgets(scope: Scope, options?: CallOptions): AsyncGenerator<Budget, void, undefined> {
    return this.#budgets.lists.of(readScope(scope), readCallSignal(options));
  }

  /** The periods of a budget per day, week or month in which a call was counted, the newest first. */
  async budgetPeriods(scope: BudgetScope, options?: BudgetPeriodsOptions): Promise<BudgetPeriod[]> {
    return this.#budgets.lists.periods(scope, options, this.#now());
  }

  /** Removes a budget with its reservations and periods. Returns whether there was one. */
  async removeBudget(scope: BudgetScope, options?: BudgetOptions): Promise<boolean> {
    const given = readOptions(options, BUDGET_OPTIONS);
    const { budgets, lookup } = this.#budgets;
    return budgets.remove(lookup.at(readBudgetKey(scope, given)), scope.tenant, readSignal(given));
  }

  /**
   * Reserves the amounts that a call is expected to use, in all budgets that limit it: those of the run, the session, its
   * user and its tenant, of its provider, model and tags; or in none. BUDGET_EXCEEDED if spent, reserved and requested
   * amounts together would exceed a limit. INVALID_RECORD where a budget limits something that the reservation does not give.
   */
  async reserve(identity: Identity, input: ReserveInput, options?: CallOptions): Promise<Reservation> {
    const owner = copySessionOrRun(identity);
    const run = <R>(work: Work<R>) => this.#run(owner, work, options);
    return this.#budgets.reservations.reserve(owner, input, run, readCallSignal(options));
  }

  /**
   * Holds a reservation for longer, for a call that is still running. Returns it with its new time, which is never earlier
   * than before; `undefined` if it is not held: no budget limits the call, or it was settled, released or overdue.
   */
  async extend(
    identity: Identity,
    reservationId: string,
    input?: ExtendInput,
    options?: CallOptions,
  ): Promise<Reservation | undefined> {
    return this.#run(identity, this.#works.extend(identity, reservationId, input), options);
  }

  /**
   * The reservations of a run, a session, a user or a tenant that are held, by session. Not a snapshot. Those that version
   * 0.4 made are not among them.
   */
  reservations(scope: Scope, options?: CallOptions): AsyncGenerator<OpenReservation, void, undefined> {
    const { holds } = this.#budgets;
    return openReservations(this.#store, holds, readScope(scope), this.#now, readCallSignal(options));
  }

  /**
   * Records the call of a reservation and frees the reservation, in one commit, once. The usage is recorded even if it is
   * more than was reserved, and if the reservation is overdue or unknown, because it was spent. A call without a price is
   * charged what was reserved for it, in budgets, until `adjust` gives it its price.
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

  /** The accounts as they take part when a user is forgotten, moved or exported. */
  get userData(): UserData {
    return {
      name: "entries",
      forgetUser: (user, options) => this.forgetUser(user, options),
      exportOf: (owner, options) => this.#exported(owner, options),
      exportedKinds: ["ledger."],
      ownPrefixes: ["ledger."],
      moveOwn: (move, options) => {
        const run = <R>(work: Work<R>) => this.#run(move, work, options);
        return this.#moving.user(move, run, readCallSignal(options));
      },
    };
  }

  /** All entries of a user, whatever the session. */
  async *#exported({ tenant, user, session }: Identity, { signal }: CallOptions): AsyncGenerator<string> {
    if (!isReserved(session)) return;
    for await (const { text } of this.export({ tenant, user }, { format: "jsonl", signal }))
      yield* text.trimEnd().split("\n");
  }

  #run<R>({ tenant }: Pick<Scope, "tenant">, work: Work<R>, options: CallOptions | undefined): Promise<R> {
    // All work of the tenant changes its total, or reads it.
    return this.#combiner.run(this.#cells.totalOf({ tenant }), work, readCallSignal(options));
  }
}

function readCallSignal(options: CallOptions | undefined): AbortSignal | undefined {
  return readSignal(readOptions(options, ["signal"]));
}
