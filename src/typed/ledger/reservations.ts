import type { Identity, StateStore } from "../../contract.js";
import { invalid, StateError } from "../../errors.js";
import { newEventId } from "../../event-id.js";
import { readInteger, readNamed } from "../../validate.js";
import { Collection } from "../collection.js";
import { digestOf, ownEventId, readOwnId } from "../names.js";
import {
  type Amounts,
  type AmountsInput,
  amountsOf,
  BUDGET,
  type Budget,
  budgetOf,
  type Held,
  isSame,
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
  /**
   * The caller's idempotency key, 1 to 105 UTF-8 bytes, of this session: while it is held, the same id gets the same
   * reservation, and with other amounts IDEMPOTENCY_CONFLICT; once settled, it holds nothing.
   */
  readonly id?: string;
}

/** What a call may use, held back until it is settled, released or overdue; where nothing is limited, nothing is held. */
export interface Reservation {
  readonly id: string;
  readonly amounts: Amounts;
  readonly expiresAt: Date;
  /** The call was recorded already, so that nothing is held back: there is nothing left to do for it. */
  readonly settled: boolean;
}

export interface BudgetInput extends AmountsInput {
  /** True: counts from now on. False: from the beginning of the accounts. Absent: as before, at first from the beginning. */
  readonly fromNow?: boolean;
}

const TTL_MS = 600_000;
const MOST_TTL_MS = 86_400_000;
/** What a budget's record holds, by far. */
const MOST_OPEN = 4000;

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
    const given = readNamed(input, "budget", [...UNITS, "fromNow"]) as BudgetInput;
    const { fromNow, ...limited } = given;
    if ("fromNow" in given && typeof fromNow !== "boolean") throw invalid("fromNow", "true or false");
    const limits = readLimits(limited);
    const { budget, total } = this.#cells(scope);
    return {
      reads: [budget, total],
      writes: 0,
      repeatable: fromNow !== true,
      act: async (book) => {
        const { open = [], from: before = NOTHING } = (await book.get(budget)) ?? {};
        const sums = (await book.get(total))?.sums ?? NOTHING;
        const from = fromNow === undefined ? before : fromNow ? sums : NOTHING;
        const now = { limits, from, open };
        book.put(budget, now);
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
        const stored = await book.get(budget);
        const { sums = NOTHING } = (await book.get(total)) ?? {};
        return stored && budgetOf(withoutOverdue(stored, this.#now()), sums);
      },
    };
  }

  remove(scope: Scope): Work<boolean> {
    const { budget } = this.#cells(scope);
    return {
      reads: [budget],
      writes: 0,
      repeatable: false,
      async act(book) {
        const found = (await book.get(budget)) !== undefined;
        book.remove(budget);
        return found;
      },
    };
  }

  /** Holds the amounts back in every budget that limits the session, or in none. BUDGET_EXCEEDED, IDEMPOTENCY_CONFLICT. */
  reserve(owner: Identity, input: ReserveInput): Work<Reservation> {
    const given = readNamed(input, "reservation", [...UNITS, "ttlMs", "id"]) as ReserveInput;
    const { ttlMs = TTL_MS, id = newEventId(), ...asked } = given;
    const lasts = "ttlMs" in given ? readInteger(ttlMs, "ttlMs", 1, MOST_TTL_MS) : ttlMs;
    const held = {
      id: heldId(owner, readOwnId("id" in given ? given.id : id, "id")),
      amounts: readRequest(asked),
    };
    const limiting = this.#limiting(owner);
    const settled = this.#places.settledBy(owner, id);
    return {
      reads: [settled, ...limiting.flatMap(({ budget, total }) => [budget, total])],
      writes: 0,
      repeatable: "id" in given,
      act: async (book) => {
        const now = this.#now();
        if ((await book.get(settled)) !== undefined) return reservationOf(id, { ...held, until: now }, true);
        let until = now + lasts;
        for (const { scope, budget, total } of limiting) {
          const stored = await book.get(budget);
          if (stored === undefined) continue;
          const current = withoutOverdue(stored, now);
          const before = current.open.find((other) => other.id === held.id);
          if (before === undefined) {
            const { sums = NOTHING } = (await book.get(total)) ?? {};
            refuseOverspending(scope, current, spentOf(current, sums), held.amounts);
            book.put(budget, { ...current, open: withHeld(current.open, { ...held, until }) });
          } else if (isSame(before.amounts, held.amounts)) until = before.until;
          else throw otherReservation();
        }
        return reservationOf(id, { ...held, until });
      },
    };
  }

  /** Frees what a reservation holds back. Whether it was still held. */
  release(owner: Identity, id: string): Work<boolean> {
    const budgets = this.#limiting(owner).map(({ budget }) => budget);
    const held = heldId(owner, id);
    return {
      reads: budgets,
      writes: 0,
      repeatable: true,
      async act(book) {
        let found = false;
        for (const budget of budgets) {
          const stored = await book.get(budget);
          if (!stored?.open.some((other) => other.id === held)) continue;
          found = true;
          book.put(budget, withoutHeld(stored, held));
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

/** In a budget of a tenant or a user reservations of many sessions meet, each with ids of its own. */
function heldId({ user, session }: Identity, id: string): string {
  return ownEventId(digestOf(user, session), id);
}

function withHeld(open: readonly Held[], held: Held): readonly Held[] {
  if (open.length < MOST_OPEN) return [...open, held];
  throw new StateError("UNAVAILABLE", `the budget has ${MOST_OPEN} open reservations; nothing was reserved`, {
    details: { reason: "busy" },
  });
}

function otherReservation(): StateError<"IDEMPOTENCY_CONFLICT"> {
  return new StateError("IDEMPOTENCY_CONFLICT", "other amounts were reserved under this id", {
    details: { change: 0 },
  });
}

function reservationOf(id: string, { amounts, until }: Omit<Held, "id">, settled = false): Reservation {
  return { id, amounts: amountsOf(amounts), expiresAt: new Date(until), settled };
}
