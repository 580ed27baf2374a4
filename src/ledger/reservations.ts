import { invalid, StateError } from "../contract/errors.js";
import type { Identity, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import type { Cell } from "../typed/cell.js";
import { readScopedId } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import { transact } from "../typed/transact.js";
import { readInteger, readNamed } from "../validation/validate.js";
import { type AmountsInput, BUDGET_UNITS, isSameAmounts, readLimits, readRequest } from "./amounts.js";
import {
  type Budget,
  budgetOf,
  refuseOverspending,
  type StoredBudget,
  spentOf,
  withHold,
  withoutOverdueInline,
} from "./budget.js";
import { BudgetHolds } from "./budget-holds.js";
import { type LedgerCells, type Scope, scopeId, scopeOwner } from "./cells.js";
import { type HeldIn, type Hold, holdId } from "./hold.js";
import { findInlineHold, inlineHoldId, removeInlineHolds } from "./inline-holds.js";
import { type Reservation, type ReserveInput, reservationConflict, reservationOf } from "./reservation.js";
import { NO_USAGE } from "./usage.js";
import type { Work } from "./work.js";
import { workOperation } from "./work-operation.js";
import type { WriteSet } from "./write-set.js";

/** The limits of a budget; at least one must be given. */
export interface BudgetInput extends AmountsInput {
  /**
   * True: the budget counts usage from now on. False: from the beginning of the ledger. Absent: an existing budget keeps
   * its beginning, and a new one counts from the beginning of the ledger.
   */
  readonly fromNow?: boolean;
}

/** A budget that limits a session. */
interface LimitingBudget extends Omit<HeldIn, "queue"> {
  readonly scope: "session" | "user" | "tenant";
  readonly cell: Cell<StoredBudget>;
  readonly total: ReturnType<LedgerCells["totalOf"]>;
}

/** A reservation, and the budgets that have overdue holds. */
interface Attempt {
  readonly reservation: Reservation;
  readonly overdue: readonly Cell<StoredBudget>[];
}

/** A budget is too small for the request, but it still counts overdue holds that can be freed. */
class BlockedByOverdueHolds extends Error {
  readonly budget: Cell<StoredBudget>;

  constructor(budget: Cell<StoredBudget>) {
    super("overdue reservations are in the way");
    this.budget = budget;
  }
}

const DEFAULT_TTL_MS = 600_000;
const MAX_TTL_MS = 86_400_000;

/** Budgets and reservations. A budget is stored under the same identity as the totals that it limits. */
export class Reservations {
  readonly #store: StateStore;
  readonly #cells: LedgerCells;
  readonly #now: () => number;
  readonly holds: BudgetHolds;

  constructor(store: StateStore, cells: LedgerCells, now: () => number) {
    this.#store = store;
    this.#cells = cells;
    this.holds = new BudgetHolds(store);
    this.#now = now;
  }

  set(scope: Scope, input: BudgetInput): Work<Budget> {
    const given = readNamed(input, "budget", [...BUDGET_UNITS, "fromNow"]) as BudgetInput;
    const { fromNow, ...limited } = given;
    if ("fromNow" in given && typeof fromNow !== "boolean") throw invalid("fromNow", "true or false");
    const limits = readLimits(limited);
    const cell = this.cellOf(scope);
    const total = this.#cells.totalOf(scope);
    return {
      reads: [cell, total],
      writes: 0,
      repeatable: fromNow !== true,
      apply: async (writes) => {
        const before = await writes.get(cell);
        const sums = (await writes.get(total))?.sums ?? NO_USAGE;
        const from = fromNow === undefined ? (before?.from ?? NO_USAGE) : fromNow ? sums : NO_USAGE;
        const now = this.#now();
        const budget = withoutOverdueInline({ inline: [], ...before, limits, from }, now);
        writes.put(cell, budget);
        return budgetOf(budget, sums, await this.holds.overdue(cell, budget, now, undefined));
      },
    };
  }

  async get(scope: Scope, signal: AbortSignal | undefined): Promise<Budget | undefined> {
    const cell = this.cellOf(scope);
    const total = this.#cells.totalOf(scope);
    return transact(
      this.#store,
      async (transaction) => {
        const [stored, rollup] = await Promise.all([transaction.get(cell), transaction.get(total)]);
        if (stored === undefined) return undefined;
        const now = this.#now();
        const budget = withoutOverdueInline(stored, now);
        const overdue = await this.holds.overdue(cell, budget, now, signal);
        return budgetOf(budget, rollup?.sums ?? NO_USAGE, overdue);
      },
      { attempts: 1000, repeatable: true, signal },
    );
  }

  cellOf(scope: Scope): Cell<StoredBudget> {
    return this.holds.budgets.at(scopeOwner(scope), scopeId(scope));
  }

  /**
   * Reserves the amounts in every budget that limits the session, or in none. Also frees some overdue holds of these
   * budgets, and as many as needed if the amounts would not fit otherwise. BUDGET_EXCEEDED, IDEMPOTENCY_CONFLICT.
   */
  async reserve(
    owner: Identity,
    input: ReserveInput,
    run: (work: Work<Attempt>) => Promise<Attempt>,
    signal: AbortSignal | undefined,
  ): Promise<Reservation> {
    const work = this.#reserve(owner, input);
    const sweep = (budget: Cell<StoredBudget>) => this.#sweep(budget, signal);
    for (;;) {
      try {
        const { reservation, overdue } = await run(work);
        // The reservation has succeeded. A failed sweep must not reject it; the next reservation sweeps again.
        for (const budget of overdue) await sweep(budget).catch(() => undefined);
        return reservation;
      } catch (error) {
        if (!(error instanceof BlockedByOverdueHolds)) throw error;
        await sweep(error.budget);
      }
    }
  }

  /** The same as part of a unit. Overdue holds are freed in commits of their own: before the unit runs again, or after it. */
  operation(owner: Identity, input: ReserveInput): Operation<Reservation> {
    const attempt = workOperation(this.#cells, owner.tenant, this.#reserve(owner, input));
    return {
      turn: attempt.turn,
      repeatable: attempt.repeatable,
      apply: async (transaction) => {
        try {
          const { reservation, overdue } = await attempt.apply(transaction);
          for (const budget of overdue) transaction.afterCommit(() => this.#sweep(budget));
          return reservation;
        } catch (error) {
          if (!(error instanceof BlockedByOverdueHolds)) throw error;
          // This changes what the unit read, so it runs again and does not meet these holds.
          await this.#sweep(error.budget);
          throw stillReserved();
        }
      },
    };
  }

  #sweep(budget: Cell<StoredBudget>, signal?: AbortSignal): Promise<boolean> {
    return this.holds.sweep(budget, this.#now(), signal);
  }

  #reserve(owner: Identity, input: ReserveInput): Work<Attempt> {
    const given = readNamed(input, "reservation", [...BUDGET_UNITS, "ttlMs", "id"]) as ReserveInput;
    const { ttlMs = DEFAULT_TTL_MS, id = newEventId(), ...requested } = given;
    const durationMs = "ttlMs" in given ? readInteger(ttlMs, "ttlMs", 1, MAX_TTL_MS) : ttlMs;
    readScopedId("id" in given ? given.id : id, "id");
    const amounts = readRequest(requested);
    const limiting = this.#limitingBudgets(owner);
    const settled = this.#cells.settlementMarker(owner, id);
    const name = holdId(owner.session, id);
    const cell = this.holds.holdCell(owner, name);
    const inlineId = inlineHoldId(owner, id);
    return {
      reads: [settled, cell, ...limiting.flatMap((limit) => [limit.cell, limit.total])],
      writes: limiting.length,
      repeatable: "id" in given,
      apply: async (writes) => {
        const now = this.#now();
        if ((await writes.get(settled)) !== undefined)
          return { reservation: reservationOf(id, { amounts, until: now }, true), overdue: [] };
        const before = await this.#currentHold(writes, owner, name, now);
        if (before !== undefined && !isSameAmounts(before.amounts, amounts)) throw reservationConflict();
        const inline = await findInlineHold(
          writes,
          limiting.map((limit) => limit.cell),
          inlineId,
          now,
        );
        if (inline !== undefined && !isSameAmounts(inline.amounts, amounts)) throw reservationConflict();
        const until = (before ?? inline)?.until ?? now + durationMs;
        const heldIn: HeldIn[] = [];
        const overdue: Cell<StoredBudget>[] = [];
        for (const { scope, cell: budgetCell, total, ...where } of limiting) {
          const stored = await writes.get(budgetCell);
          if (stored === undefined) continue;
          const budget = withoutOverdueInline(stored, now);
          if (isOverdue(budget, now)) overdue.push(budgetCell);
          if (budget.inline.some((other) => other.id === inlineId)) continue;
          const queue = budget.held?.queue ?? newEventId();
          heldIn.push({ ...where, queue });
          if (before?.heldIn.some((other) => other.queue === queue)) continue;
          const { sums = NO_USAGE } = (await writes.get(total)) ?? {};
          try {
            refuseOverspending(scope, budget, spentOf(budget, sums), amounts);
          } catch (refusal) {
            throw isOverdue(budget, now) ? new BlockedByOverdueHolds(budgetCell) : refusal;
          }
          const due = { user: owner.user, hold: name };
          writes.put(budgetCell, withHold(budget, queue, { amounts, until }));
          writes.put(this.holds.dueCell(owner.tenant, { ...where, queue }, until, due), due);
        }
        if (heldIn.length > 0) writes.put(cell, { amounts, until, heldIn });
        return { reservation: reservationOf(id, { amounts, until }), overdue };
      },
    };
  }

  /** Frees a reservation. Returns whether it was still held. */
  release(owner: Identity, id: string): Work<boolean> {
    const budgets = this.#limitingBudgets(owner).map(({ cell }) => cell);
    const name = holdId(owner.session, id);
    const cell = this.holds.holdCell(owner, name);
    const inlineId = inlineHoldId(owner, id);
    return {
      reads: [cell, ...budgets],
      writes: budgets.length,
      repeatable: true,
      apply: async (writes) => {
        const hold = await writes.get(cell);
        if (hold !== undefined) await this.holds.free(writes, owner, name, hold);
        const inline = await removeInlineHolds(writes, budgets, (other) => other === inlineId);
        return hold !== undefined || inline;
      },
    };
  }

  /** Removes the inline holds of a session from the budgets' records. */
  releaseInline(owner: Identity): Work<boolean> {
    const budgets = this.#limitingBudgets(owner).map(({ cell }) => cell);
    const prefix = inlineHoldId(owner, "");
    return {
      reads: budgets,
      writes: 0,
      repeatable: true,
      apply: (writes) => removeInlineHolds(writes, budgets, (id) => id.startsWith(prefix)),
    };
  }

  /** The hold, if it is not overdue. Frees an overdue one. */
  async #currentHold(
    writes: WriteSet,
    owner: Identity,
    name: string,
    now: number,
  ): Promise<Hold | undefined> {
    const hold = await writes.get(this.holds.holdCell(owner, name));
    if (hold === undefined || hold.until > now) return hold;
    await this.holds.free(writes, owner, name, hold);
    return undefined;
  }

  #limitingBudgets({ tenant, user, session }: Identity): LimitingBudget[] {
    const limit = (scope: LimitingBudget["scope"], of: HeldIn["of"], whose: Scope) => ({
      scope,
      of,
      budget: scopeId(whose),
      cell: this.cellOf(whose),
      total: this.#cells.totalOf(whose),
    });
    return [
      limit("session", "user", { tenant, user, session }),
      limit("user", "user", { tenant, user }),
      limit("tenant", "tenant", { tenant }),
    ];
  }
}

function stillReserved(): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", "overdue reservations were in the way; nothing was reserved", {
    details: { reason: "busy" },
  });
}

function isOverdue({ held: holds }: StoredBudget, now: number): boolean {
  return holds !== undefined && holds.count > 0 && holds.earliest <= now;
}
