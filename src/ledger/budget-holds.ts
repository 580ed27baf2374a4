import type { Identity, StateStore } from "../contract/store.js";
import { tenantIdentity, userIdentity } from "../identity/identity.js";
import type { Cell } from "../typed/cell.js";
import { Collection, type Item } from "../typed/collection.js";
import { timeKey } from "../typed/time.js";
import { addAmounts, type ExactAmounts, NO_AMOUNTS } from "./amounts.js";
import { type StoredBudget, withoutHold } from "./budget.js";
import {
  DUE_CODEC,
  type Due,
  dueId,
  type HeldIn,
  HOLD_CODEC,
  type Hold,
  holdPrefix,
  timeOfDue,
} from "./hold.js";
import { transactWrites } from "./transact-writes.js";
import type { WriteSet } from "./write-set.js";

type Signal = AbortSignal | undefined;
type User = Pick<Identity, "tenant" | "user">;

/** Each hold takes a change of a commit for its record, and two for each of up to 67 budgets. */
const HOLDS_PER_COMMIT = 30;
/** Records per read. */
const PAGE_SIZE = 200;

/**
 * The holds of reservations. Each hold has a record under its user and an entry in the queue of each budget that limits
 * it; the budget's record has the sum. All of these change in one commit, so a transaction that read a budget's record
 * fails if the queue of the budget changes.
 */
export class BudgetHolds {
  readonly #store: StateStore;
  readonly #budgets: Collection<StoredBudget>;
  readonly holds: Collection<Hold>;
  readonly dues: Collection<Due>;

  constructor(store: StateStore, budgets: Collection<StoredBudget>) {
    this.#store = store;
    this.#budgets = budgets;
    this.holds = new Collection(store, "ledger.hold", { codec: HOLD_CODEC });
    this.dues = new Collection(store, "ledger.due", { codec: DUE_CODEC });
  }

  holdCell({ tenant, user }: User, id: string): Cell<Hold> {
    return this.holds.at(userIdentity(tenant, user), id);
  }

  /** The cell of a hold's entry in the queue of a budget. */
  dueCell(tenant: string, { of, queue }: Omit<HeldIn, "budget">, until: number, due: Due): Cell<Due> {
    return this.dues.at(budgetOwner(tenant, due.user, of), dueId(queue, until, due));
  }

  /** Frees a hold in all budgets. */
  async free(writes: WriteSet, owner: User, id: string, { amounts, until, heldIn }: Hold): Promise<void> {
    const { tenant, user } = owner;
    for (const { of, budget: name, queue } of heldIn) {
      writes.remove(this.dueCell(tenant, { of, queue }, until, { user, hold: id }));
      const cell = this.#budgets.at(budgetOwner(tenant, user, of), name);
      const budget = await writes.get(cell);
      // A budget that was removed and set again has another queue and does not count this hold.
      if (budget?.held?.queue === queue) writes.put(cell, withoutHold(budget, amounts));
    }
    writes.remove(this.holdCell(owner, id));
  }

  /** Moves a hold to a later time in the queues of all its budgets. */
  async move(writes: WriteSet, owner: User, id: string, hold: Hold, until: number): Promise<void> {
    const { tenant, user } = owner;
    const due = { user, hold: id };
    for (const { of, budget: name, queue } of hold.heldIn) {
      const cell = this.#budgets.at(budgetOwner(tenant, user, of), name);
      const budget = await writes.get(cell);
      // A budget that was removed, or removed and set again, has no such queue any more.
      if (budget?.held?.queue !== queue) continue;
      // The write makes a removal of the budget that happens meanwhile find this entry of its queue.
      writes.put(cell, budget);
      writes.remove(this.dueCell(tenant, { of, queue }, hold.until, due));
      writes.put(this.dueCell(tenant, { of, queue }, until, due), due);
    }
    writes.put(this.holdCell(owner, id), { ...hold, until });
  }

  /**
   * Frees some overdue holds of a budget, the longest overdue first. Returns whether more are left. A caller that adds to
   * the queue meanwhile changes the budget's record, and then the transaction runs again.
   */
  async sweep(cell: Cell<StoredBudget>, now: number, signal: Signal): Promise<boolean> {
    const work = async (writes: WriteSet) => {
      const budget = await writes.get(cell);
      if (budget?.held === undefined || budget.held.earliest > now) return false;
      const { queue, earliest } = budget.held;
      const items = await this.#firstDues(cell, queue, HOLDS_PER_COMMIT + 1, signal);
      const overdue = items.slice(0, HOLDS_PER_COMMIT).filter(({ id }) => timeOfDue(id) <= now);
      for (const item of overdue) await this.#freeDue(writes, cell, item);
      const next = items[overdue.length];
      const left = await writes.get(cell);
      if (left?.held !== undefined) {
        const time = next === undefined ? earliest : timeOfDue(next.id);
        writes.put(cell, { ...left, held: { ...left.held, earliest: next === undefined ? now + 1 : time } });
      }
      return next !== undefined && timeOfDue(next.id) <= now;
    };
    return transactWrites(this.#store, work, signal);
  }

  /** The part of a budget's sum of holds that is overdue. `held` is from the budget's record, read before. */
  async overdue(
    cell: Cell<StoredBudget>,
    { held }: StoredBudget,
    now: number,
    signal: Signal,
  ): Promise<ExactAmounts> {
    let sum = NO_AMOUNTS;
    if (held === undefined || held.earliest > now) return sum;
    const before = `${held.queue}/${timeKey(now + 1)}`;
    for (let after: { after?: string } = {}; ; ) {
      const range = { prefix: `${held.queue}/`, before, ...after, limit: PAGE_SIZE, signal };
      const page = await this.dues.list(cell.identity, range);
      const { tenant } = cell.identity;
      const holds = await Promise.all(
        page.map(({ value }) =>
          this.holds.get(userIdentity(tenant, value.user), value.hold, signal && { signal }),
        ),
      );
      for (const [index, hold] of holds.entries())
        if (hold?.until === timeOfDue((page[index] as Item<Due>).id)) sum = addAmounts(sum, hold.amounts);
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_SIZE) return sum;
      after = { after: last.id };
    }
  }

  /** The cells of some entries in a budget's queue. */
  async duesOf(
    { identity }: Cell<StoredBudget>,
    { held }: StoredBudget,
    limit: number,
    signal: Signal,
  ): Promise<Cell<Due>[]> {
    if (held === undefined) return [];
    const page = await this.dues.keys(identity, { prefix: `${held.queue}/`, limit, signal });
    return page.map(({ id }) => this.dues.at(identity, id));
  }

  /** Frees all holds of a session or, without `session`, of a user. */
  async freeAll(owner: User & { readonly session?: string }, signal: Signal): Promise<void> {
    const identity = userIdentity(owner.tenant, owner.user);
    const prefix = owner.session === undefined ? {} : { prefix: holdPrefix(owner.session) };
    for (;;) {
      const page = await this.holds.keys(identity, { ...prefix, limit: HOLDS_PER_COMMIT, signal });
      if (page.length === 0) return;
      await transactWrites(
        this.#store,
        async (writes) => {
          for (const { id } of page) {
            const hold = await writes.get(this.holdCell(owner, id));
            if (hold !== undefined) await this.free(writes, owner, id, hold);
          }
        },
        signal,
      );
    }
  }

  /** Frees all holds of a user, and removes the entries in the user's queues that have no hold. */
  async removeLeftovers(owner: User, signal: Signal): Promise<void> {
    const identity = userIdentity(owner.tenant, owner.user);
    for (;;) {
      // Holds must be freed, not only removed: otherwise the tenant's budget would count them for ever.
      await this.freeAll(owner, signal);
      const page = await this.dues.list(identity, { limit: HOLDS_PER_COMMIT, signal });
      if (page.length === 0) return;
      await transactWrites(
        this.#store,
        async (writes) => {
          for (const { id, value } of page)
            if ((await writes.get(this.holdCell(owner, value.hold))) === undefined)
              writes.remove(this.dues.at(identity, id));
        },
        signal,
      );
    }
  }

  /** Frees the hold of a queue's entry. If the hold is gone or has another time, only the entry is removed. */
  async #freeDue(writes: WriteSet, budget: Cell<StoredBudget>, { id, value }: Item<Due>): Promise<void> {
    const cell = this.dues.at(budget.identity, id);
    if ((await writes.get(cell)) === undefined) return;
    const owner = { tenant: budget.identity.tenant, user: value.user };
    const hold = await writes.get(this.holdCell(owner, value.hold));
    if (hold !== undefined && hold.until === timeOfDue(id)) await this.free(writes, owner, value.hold, hold);
    writes.remove(cell);
  }

  #firstDues(
    { identity }: Cell<unknown>,
    queue: string,
    limit: number,
    signal: Signal,
  ): Promise<Item<Due>[]> {
    return this.dues.list(identity, { prefix: `${queue}/`, limit, signal });
  }
}

/** The identity of a budget and of its queue. */
function budgetOwner(tenant: string, user: string, of: HeldIn["of"]): Identity {
  return of === "tenant" ? tenantIdentity(tenant) : userIdentity(tenant, user);
}
