import type { Identity, StateStore } from "../contract/store.js";
import { tenantIdentity, userIdentity } from "../identity/identity.js";
import type { Cell } from "../typed/cell.js";
import { Collection, type Item } from "../typed/collection.js";
import { timeKey } from "../typed/time.js";
import { added, type Exact, NO_AMOUNTS } from "./amounts.js";
import { BUDGET, freeing, type StoredBudget } from "./budget.js";
import { DUE, type Due, dueId, type HeldIn, HOLD, type Hold, holdPrefix, timeOfDue } from "./hold.js";
import { rewriting } from "./rewriting.js";
import type { WriteSet } from "./write-set.js";

type Signal = AbortSignal | undefined;
type User = Pick<Identity, "tenant" | "user">;

/** How many holds are freed in one commit: each with its record, in three lines and three budgets. */
const PIECE = 30;
/** How many records are looked at, at once. */
const PAGE = 200;

/**
 * What reservations hold back: a record for each under its user, one in the line of each budget that it is held in, and
 * sums in the budgets' own records. All of it changes in one commit, so a budget's record stands for all its holds.
 */
export class Held {
  readonly #store: StateStore;
  readonly budgets: Collection<StoredBudget>;
  readonly holds: Collection<Hold>;
  readonly dues: Collection<Due>;

  constructor(store: StateStore) {
    this.#store = store;
    this.budgets = new Collection(store, "ledger.budget", { codec: BUDGET });
    this.holds = new Collection(store, "ledger.hold", { codec: HOLD });
    this.dues = new Collection(store, "ledger.due", { codec: DUE });
  }

  holdAt({ tenant, user }: User, id: string): Cell<Hold> {
    return this.holds.at(userIdentity(tenant, user), id);
  }

  /** Where a budget has a hold in its line. */
  dueAt(tenant: string, { of, line }: Omit<HeldIn, "budget">, until: number, due: Due): Cell<Due> {
    return this.dues.at(ownerOf(tenant, due.user, of), dueId(line, until, due));
  }

  /** Frees what a hold holds back, in all budgets. */
  async free(writes: WriteSet, owner: User, id: string, { amounts, until, heldIn }: Hold): Promise<void> {
    const { tenant, user } = owner;
    for (const { of, budget: name, line } of heldIn) {
      writes.remove(this.dueAt(tenant, { of, line }, until, { user, hold: id }));
      const cell = this.budgets.at(ownerOf(tenant, user, of), name);
      const budget = await writes.get(cell);
      // A budget that was removed and set again holds nothing of this.
      if (budget?.held?.line === line) writes.put(cell, freeing(budget, amounts));
    }
    writes.remove(this.holdAt(owner, id));
  }

  /**
   * Frees a piece of what is overdue in a budget, the longest overdue first. Whether more of it is left. What is in the
   * budget's line is as its record says: whoever adds to the line changes the record, and this begins again.
   */
  async sweep(cell: Cell<StoredBudget>, now: number, signal: Signal): Promise<boolean> {
    const work = async (writes: WriteSet) => {
      const budget = await writes.get(cell);
      if (budget?.held === undefined || budget.held.earliest > now) return false;
      const { line, earliest } = budget.held;
      const items = await this.#first(cell, line, PIECE + 1, signal);
      const overdue = items.slice(0, PIECE).filter(({ id }) => timeOfDue(id) <= now);
      for (const item of overdue) await this.#freeDue(writes, cell, item);
      const next = items[overdue.length];
      const left = await writes.get(cell);
      if (left?.held !== undefined) {
        const time = next === undefined ? earliest : timeOfDue(next.id);
        writes.put(cell, { ...left, held: { ...left.held, earliest: next === undefined ? now + 1 : time } });
      }
      return next !== undefined && timeOfDue(next.id) <= now;
    };
    return rewriting(this.#store, work, signal);
  }

  /** What a budget counts as held back though it is overdue; as it is with the budget that was read before. */
  async overdue(
    cell: Cell<StoredBudget>,
    { held }: StoredBudget,
    now: number,
    signal: Signal,
  ): Promise<Exact> {
    let sum = NO_AMOUNTS;
    if (held === undefined || held.earliest > now) return sum;
    const before = `${held.line}/${timeKey(now + 1)}`;
    for (let after: { after?: string } = {}; ; ) {
      const range = { prefix: `${held.line}/`, before, ...after, limit: PAGE, signal };
      const page = await this.dues.list(cell.identity, range);
      const { tenant } = cell.identity;
      const holds = await Promise.all(
        page.map(({ value }) =>
          this.holds.get(userIdentity(tenant, value.user), value.hold, signal && { signal }),
        ),
      );
      for (const [index, hold] of holds.entries())
        if (hold?.until === timeOfDue((page[index] as Item<Due>).id)) sum = added(sum, hold.amounts);
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return sum;
      after = { after: last.id };
    }
  }

  /** Removes a budget with all that is in its line. Whether there was one. Interrupted, it may be called again. */
  async remove(cell: Cell<StoredBudget>, signal: Signal): Promise<boolean> {
    for (;;) {
      const done = await rewriting(
        this.#store,
        async (writes) => {
          const budget = await writes.get(cell);
          if (budget === undefined) return "missing";
          const { line } = budget.held ?? {};
          const page = line === undefined ? [] : await this.#first(cell, line, PAGE, signal);
          for (const { id } of page) writes.remove(this.dues.at(cell.identity, id));
          if (page.length === PAGE) {
            // Whoever reserves meanwhile and this are told apart by the budget's record.
            writes.put(cell, budget);
            return "more";
          }
          writes.remove(cell);
          return "removed";
        },
        signal,
      );
      if (done !== "more") return done === "removed";
    }
  }

  /** Frees all that a session holds back, or without one a user. */
  async freeAll(owner: User & { readonly session?: string }, signal: Signal): Promise<void> {
    const under = userIdentity(owner.tenant, owner.user);
    const prefix = owner.session === undefined ? {} : { prefix: holdPrefix(owner.session) };
    for (;;) {
      const page = await this.holds.list(under, { ...prefix, limit: PIECE, signal });
      if (page.length === 0) return;
      await rewriting(
        this.#store,
        async (writes) => {
          for (const { id } of page) {
            const hold = await writes.get(this.holdAt(owner, id));
            if (hold !== undefined) await this.free(writes, owner, id, hold);
          }
        },
        signal,
      );
    }
  }

  /** Frees all that a user holds back, and removes what is in lines of theirs without a hold. */
  async removeLeft(owner: User, signal: Signal): Promise<void> {
    const under = userIdentity(owner.tenant, owner.user);
    for (;;) {
      // Never removed without being freed: a budget of the tenant would count it for ever.
      await this.freeAll(owner, signal);
      const page = await this.dues.list(under, { limit: PIECE, signal });
      if (page.length === 0) return;
      await rewriting(
        this.#store,
        async (writes) => {
          for (const { id, value } of page)
            if ((await writes.get(this.holdAt(owner, value.hold))) === undefined)
              writes.remove(this.dues.at(under, id));
        },
        signal,
      );
    }
  }

  /** Frees the hold of an entry in a line; one whose hold is another's, or gone, is removed alone. */
  async #freeDue(writes: WriteSet, budget: Cell<StoredBudget>, { id, value }: Item<Due>): Promise<void> {
    const cell = this.dues.at(budget.identity, id);
    if ((await writes.get(cell)) === undefined) return;
    const owner = { tenant: budget.identity.tenant, user: value.user };
    const hold = await writes.get(this.holdAt(owner, value.hold));
    if (hold !== undefined && hold.until === timeOfDue(id)) await this.free(writes, owner, value.hold, hold);
    writes.remove(cell);
  }

  #first({ identity }: Cell<unknown>, line: string, limit: number, signal: Signal): Promise<Item<Due>[]> {
    return this.dues.list(identity, { prefix: `${line}/`, limit, signal });
  }
}

/** Where a budget lies, and its line. */
function ownerOf(tenant: string, user: string, of: HeldIn["of"]): Identity {
  return of === "tenant" ? tenantIdentity(tenant) : userIdentity(tenant, user);
}
