import { invalid, StateError } from "../contract/errors.js";
import type { Identity } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import type { Cell } from "../typed/cell.js";
import { readScopedId } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import { readInteger, readNamed } from "../validation/validate.js";
import {
  AMOUNT_FIELDS,
  type ExactAmounts,
  isCost,
  isSameAmounts,
  keysOf,
  readRequest,
  unitOf,
} from "./amounts.js";
import { refuseOverspending, type StoredBudget, withHold, withoutOverdueInline } from "./budget.js";
import type { BudgetHolds } from "./budget-holds.js";
import type { BudgetAt, BudgetLookup } from "./budget-lookup.js";
import { placeOf, readFilter } from "./budget-scope.js";
import type { LedgerCells } from "./cells.js";
import { type HeldIn, type Hold, holdId } from "./hold.js";
import { findInlineHold, inlineHoldId, removeInlineHolds } from "./inline-holds.js";
import type { Freeing } from "./record.js";
import {
  type ExtendInput,
  type Reservation,
  type ReserveInput,
  reservationConflict,
  reservationOf,
} from "./reservation.js";
import type { Work } from "./work.js";
import { workOperation } from "./work-operation.js";
import type { WriteSet } from "./write-set.js";

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

/** Reservations: made in all budgets that limit a call, or in none. */
export class Reservations {
  readonly #cells: LedgerCells;
  readonly #lookup: BudgetLookup;
  readonly #now: () => number;
  readonly #holds: BudgetHolds;

  constructor(cells: LedgerCells, lookup: BudgetLookup, holds: BudgetHolds, now: () => number) {
    this.#cells = cells;
    this.#lookup = lookup;
    this.#holds = holds;
    this.#now = now;
  }

  /**
   * Reserves the amounts in every budget that limits the call, or in none. Also frees some overdue holds of these budgets,
   * and as many as needed if the amounts would not fit otherwise. BUDGET_EXCEEDED, IDEMPOTENCY_CONFLICT.
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
    return this.#holds.sweep(budget, this.#now(), signal);
  }

  #reserve(owner: Identity, input: ReserveInput): Work<Attempt> {
    const fields = [...AMOUNT_FIELDS, "ttlMs", "id", "provider", "model", "tags"];
    const given = readNamed(input, "reservation", fields) as ReserveInput;
    const { id = newEventId() } = given;
    const durationMs = readTtl(given);
    readScopedId("id" in given ? given.id : id, "id");
    const amounts = readRequest(given);
    const call = { ...readFilter(given), session: owner.session, ...(owner.run && { run: owner.run }) };
    const unnamed = this.#lookup.unnamed(owner);
    const settled = this.#cells.settlementMarker(owner, id);
    const name = holdId(owner.session, id);
    const cell = this.#holds.holdCell(owner, name);
    const inlineId = inlineHoldId(owner, id);
    const shapes = this.#lookup.shapes.cellOf(owner.tenant);
    return {
      reads: [settled, cell, shapes, ...unnamed.flatMap((at) => [at.cell, at.total])],
      writes: unnamed.length,
      repeatable: "id" in given,
      apply: async (writes) => {
        const now = this.#now();
        if ((await writes.get(settled)) !== undefined)
          return { reservation: reservationOf(id, { amounts, until: now }, true), overdue: [] };
        const before = await this.#currentHold(writes, owner, name, now);
        if (before !== undefined && !isSameAmounts(before.amounts, amounts)) throw reservationConflict();
        const inline = await findInlineHold(
          writes,
          unnamed.map((at) => at.cell),
          inlineId,
          now,
        );
        if (inline !== undefined && !isSameAmounts(inline.amounts, amounts)) throw reservationConflict();
        const until = (before ?? inline)?.until ?? now + durationMs;
        const heldIn: HeldIn[] = [];
        const overdue: Cell<StoredBudget>[] = [];
        const shaped = await this.#lookup.shaped(writes, owner, call);
        for (const at of withoutRepeats([...unnamed, ...shaped])) {
          const stored = await writes.get(at.cell);
          if (stored === undefined) continue;
          const budget = withoutOverdueInline(stored, now);
          if (isOverdue(budget, now)) overdue.push(at.cell);
          if (budget.inline.some((other) => other.id === inlineId)) continue;
          const queue = budget.held?.queue ?? newEventId();
          const where = { of: at.of, budget: at.id };
          heldIn.push({ ...where, queue });
          if (before?.heldIn.some((other) => other.queue === queue)) continue;
          refuseSilence(budget.limits, amounts);
          const standing = await this.#lookup.standing(writes, at, budget, now);
          try {
            refuseOverspending(placeOf(at.level, budget), budget, standing, amounts);
          } catch (refusal) {
            throw isOverdue(budget, now) ? new BlockedByOverdueHolds(at.cell) : refusal;
          }
          const due = { user: owner.user, hold: name };
          writes.put(at.cell, withHold(budget, queue, { amounts, until }));
          writes.put(this.#holds.dueCell(owner.tenant, { ...where, queue }, until, due), due);
        }
        const { session, run } = owner;
        const shown = before?.shown ?? { id, session, ...(run && { run }), since: now };
        if (heldIn.length > 0) writes.put(cell, { amounts, until, heldIn, shown });
        return { reservation: reservationOf(id, { amounts, until }), overdue };
      },
    };
  }

  /** Holds a reservation for longer. `undefined` if it is not held. */
  extend(owner: Identity, id: string, input: ExtendInput = {}): Work<Reservation | undefined> {
    const durationMs = readTtl(readNamed(input, "extension", ["ttlMs"]) as ExtendInput);
    const name = holdId(owner.session, id);
    const cell = this.#holds.holdCell(owner, name);
    return {
      reads: [cell],
      writes: 1,
      repeatable: true,
      apply: async (writes) => {
        const now = this.#now();
        const hold = await writes.get(cell);
        if (hold === undefined || hold.until <= now) return undefined;
        const until = Math.max(hold.until, now + durationMs);
        if (until > hold.until) await this.#holds.move(writes, owner, name, hold, until);
        return reservationOf(id, { amounts: hold.amounts, until });
      },
    };
  }

  /** Frees a reservation. Returns whether it was still held. */
  release(owner: Identity, id: string): Work<boolean> {
    const { reads, apply } = this.freeing(owner, id);
    const free = async (writes: WriteSet) => (await apply(writes)) !== undefined;
    return { reads, writes: reads.length, repeatable: true, apply: free };
  }

  /** Frees a reservation, and returns what it held back. */
  freeing(owner: Identity, id: string): Freeing {
    const budgets = this.#lookup.unnamed(owner).map(({ cell }) => cell);
    const name = holdId(owner.session, id);
    const cell = this.#holds.holdCell(owner, name);
    const inlineId = inlineHoldId(owner, id);
    return {
      reads: [cell, ...budgets],
      apply: async (writes) => {
        const hold = await writes.get(cell);
        if (hold !== undefined) await this.#holds.free(writes, owner, name, hold);
        const inline = await findInlineHold(writes, budgets, inlineId, Number.NEGATIVE_INFINITY);
        await removeInlineHolds(writes, budgets, (other) => other === inlineId);
        return (hold ?? inline)?.amounts;
      },
    };
  }

  /** Removes the inline holds of a session from the budgets' records. */
  releaseInline(owner: Identity): Work<boolean> {
    const budgets = this.#lookup.unnamed(owner).map(({ cell }) => cell);
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
    const hold = await writes.get(this.#holds.holdCell(owner, name));
    if (hold === undefined || hold.until > now) return hold;
    await this.#holds.free(writes, owner, name, hold);
    return undefined;
  }
}

function readTtl(given: { readonly ttlMs?: number }): number {
  return "ttlMs" in given ? readInteger(given.ttlMs, "ttlMs", 1, MAX_TTL_MS) : DEFAULT_TTL_MS;
}

/** A budget without a name may have a shape too. */
function withoutRepeats(budgets: readonly BudgetAt[]): BudgetAt[] {
  return budgets.filter(
    (budget, index) => budgets.findIndex(({ of, id }) => of === budget.of && id === budget.id) === index,
  );
}

/**
 * Refuses a request that does not say how much it uses of something that is limited: it would pass any limit. A cost in
 * another currency says it.
 */
function refuseSilence(limits: ExactAmounts, requested: ExactAmounts): void {
  for (const key of keysOf(limits)) {
    const isGiven = isCost(key) ? keysOf(requested).some(isCost) : requested[key] !== undefined;
    if (isGiven) continue;
    const { unit } = unitOf(key);
    throw invalid(unit, "given, 0 included: a budget limits it");
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
