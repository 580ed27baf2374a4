import type { Identity, StateStore } from "../../contract.js";
import { invalid } from "../../errors.js";
import { newEventId } from "../../event-id.js";
import { readInteger, readNamed } from "../../validate.js";
import { readEventId } from "../../validate-text.js";
import type { Cell } from "../cell.js";
import { Collection } from "../collection.js";
import {
  type Amounts,
  type AmountsInput,
  amountsOf,
  BUDGET,
  type Budget,
  budgetOf,
  type Held,
  readLimits,
  readRequest,
  refuseOverspending,
  type StoredBudget,
  spentOf,
  UNITS,
  withoutHeld,
  withoutOverdue,
} from "./budget.js";
import type { Work } from "./combiner.js";
import { type Places, type Scope, scopeId, scopeOwner } from "./places.js";
import { NOTHING } from "./usage.js";

export interface ReserveInput extends AmountsInput {
  /** How long the reservation holds, in milliseconds: 1 to a day. Default 10 minutes. */
  readonly ttlMs?: number;
  /** The caller's idempotency key: while it is held, the same id gets the same reservation; once settled, it holds nothing. */
  readonly id?: string;
}

/** What a call may use, held back until it is settled, released or overdue. */
export interface Reservation {
  readonly id: string;
  readonly amounts: Amounts;
  readonly expiresAt: Date;
  /** The call was recorded already, so that nothing is held back: there is nothing left to do for it. */
  readonly settled: boolean;
}

export interface BudgetInput extends AmountsInput {
  /** Counts from now on, and no longer from the beginning of the accounts. */
  readonly fromNow?: boolean;
}

const TTL_MS = 600_000;
const MOST_TTL_MS = 86_400_000;

/** Limits on what is spent, and what is held back of them. A budget lies beside the totals it limits. */
export class Reservations {
  readonly #places: Places;
  readonly #budgets: Collection<StoredBudget>;
  readonly #now: () => number;

  constructor(store: StateStore, places: Places, now: () => number) {
    this.#places = places;
    this.#budgets = new Collection(store, "ledger.budget", { codec: BUDGET });
    this.#now = now;
  }

  set(scope: Scope, input: BudgetInput): Work<Budget> {
    const { fromNow = false, ...limited } = readNamed(input, "budget", [...UNITS, "fromNow"]) as BudgetInput;
    if (typeof fromNow !== "boolean") throw invalid("fromNow", "true or false");
    const limits = readLimits(limited);
    const { budget, total } = this.#cells(scope);
    return {
      reads: [budget, total],
      writes: 0,
      repeatable: !fromNow,
      act: async (book) => {
        const before = await book.transaction.get(budget);
        const sums = await book.sums(total);
        const from = fromNow ? sums : (before?.from ?? NOTHING);
        const now = { limits, from, open: before?.open ?? [] };
        await book.transaction.set(budget, now);
        return budgetOf(withoutOverdue(now, this.#now()), sums);
      },
    };
  }

  get(scope: Scope): Work<Budget | undefined> {
    const { budget, total } = this.#cells(scope);
    return {
      reads: [budget, total],
      writes: 0,
      repeatable: true,
      act: async (book) => {
        const stored = await book.transaction.get(budget);
        return stored && budgetOf(withoutOverdue(stored, this.#now()), await book.sums(total));
      },
    };
  }

  remove(scope: Scope): Work<boolean> {
    const { budget } = this.#cells(scope);
    return {
      reads: [budget],
      writes: 0,
      repeatable: false,
      async act({ transaction }) {
        const found = (await transaction.get(budget)) !== undefined;
        transaction.delete(budget);
        return found;
      },
    };
  }

  /** Holds the amounts back in every budget that limits the session, or in none of them. BUDGET_EXCEEDED. */
  reserve(owner: Identity, input: ReserveInput): Work<Reservation> {
    const { ttlMs = TTL_MS, ...given } = readNamed(input, "reservation", [
      ...UNITS,
      "ttlMs",
      "id",
    ]) as ReserveInput;
    const { id = newEventId(), ...asked } = given;
    readEventId(id, "id");
    const amounts = readRequest(asked);
    const lasts = readInteger(ttlMs, "ttlMs", 1, MOST_TTL_MS);
    const limiting = this.#limiting(owner);
    const settled = this.#places.settledBy(owner, id);
    return {
      reads: [settled, ...limiting.flatMap(({ budget, total }) => [budget, total])],
      writes: 0,
      repeatable: given.id !== undefined,
      act: async (book) => {
        const now = this.#now();
        const held = { id, amounts, until: now + lasts };
        if ((await book.transaction.get(settled)) !== undefined) return reservationOf(held, true);
        const kept: [Cell<StoredBudget>, StoredBudget][] = [];
        for (const { scope, budget, total } of limiting) {
          const stored = await book.transaction.get(budget);
          if (stored === undefined) continue;
          const current = withoutOverdue(stored, now);
          const before = current.open.find((other) => other.id === id);
          if (before !== undefined) return reservationOf(before);
          refuseOverspending(scope, current, spentOf(current, await book.sums(total)), amounts);
          kept.push([budget, { ...current, open: [...current.open, held] }]);
        }
        for (const [budget, stored] of kept) await book.transaction.set(budget, stored);
        return reservationOf(held);
      },
    };
  }

  /** Frees what a reservation holds back. Whether it was still held. */
  release(owner: Identity, id: string): Work<boolean> {
    const budgets = this.#limiting(owner).map(({ budget }) => budget);
    return {
      reads: budgets,
      writes: 0,
      repeatable: true,
      async act({ transaction }) {
        let found = false;
        for (const budget of budgets) {
          const stored = await transaction.get(budget);
          if (!stored?.open.some((held) => held.id === id)) continue;
          found = true;
          await transaction.set(budget, withoutHeld(stored, id));
        }
        return found;
      },
    };
  }

  #limiting({ tenant, user, session }: Identity) {
    return [
      { scope: "session", ...this.#cells({ tenant, user, session }) },
      { scope: "user", ...this.#cells({ tenant, user }) },
      { scope: "tenant", ...this.#cells({ tenant }) },
    ] as const;
  }

  #cells(scope: Scope) {
    const budget = this.#budgets.at(scopeOwner(scope), scopeId(scope));
    return { budget, total: this.#places.totalOf(scope) };
  }
}

function reservationOf({ id, amounts, until }: Held, settled = false): Reservation {
  return { id, amounts: amountsOf(amounts), expiresAt: new Date(until), settled };
}
