import type { StateStore, UserIdentity } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { formatAmounts } from "./amounts.js";
import { type StoredBudget, withHold } from "./budget.js";
import { isFiltered, type Level, levelOfId } from "./budget-scope.js";
import { type BudgetInput, hasShape, shapedOf } from "./budgets.js";
import { ownerOfEntries, scopeOwner } from "./cells.js";
import type { BudgetParts } from "./forget.js";
import type { HeldIn, Hold } from "./hold.js";
import type { Owners } from "./owners.js";
import { transactWrites } from "./transact-writes.js";
import { addSums, isZero, NO_USAGE } from "./usage.js";
import type { Work } from "./work.js";
import type { WriteSet } from "./write-set.js";

type Signal = AbortSignal | undefined;
type Run = <R>(work: Work<R>) => Promise<R>;

const PAGE_SIZE = 30;

/** The budgets of a user and their holds, as far as they move to another user. Where both have a budget, the other's stays. */
export class MovingBudgets {
  readonly #store: StateStore;
  readonly #parts: BudgetParts;
  readonly #now: () => number;

  constructor(store: StateStore, parts: BudgetParts, now: () => number) {
    this.#store = store;
    this.#parts = parts;
    this.#now = now;
  }

  /** Sets the budgets that the other user does not have. */
  async copy(owners: Owners, run: Run, signal: Signal): Promise<void> {
    const { lists, lookup } = this.#parts;
    const identity = ownerOfEntries(owners.from);
    for await (const id of lists.ids(identity, "", signal)) {
      const budget = await lookup.budgets.get(identity, id, signal && { signal });
      if (budget === undefined) continue;
      const level = levelOfId(id);
      await run(level === "user" ? this.#ofUser(owners, id, budget) : this.#ofSession(owners, id, level));
    }
  }

  /** It counts what the other user has used. */
  #ofUser({ to }: Owners, id: string, budget: StoredBudget): Work<boolean> {
    const { lookup, budgets } = this.#parts;
    const { tags, ...filter } = budget.filter;
    const scope = { ...to, ...filter, ...(tags && { tags: Object.fromEntries(tags) }) };
    const setting = budgets.set(scope, inputOf(budget));
    const at = lookup.withId(to, id);
    return {
      reads: setting.reads,
      writes: setting.writes,
      repeatable: true,
      apply: async (writes) => {
        if ((await writes.get(at.cell)) !== undefined) return false;
        const used = (await writes.get(at.total))?.sums ?? NO_USAGE;
        await setting.apply(writes);
        const set = await writes.get(at.cell);
        // It did not count what was used before it was set.
        if (set !== undefined && !isZero(budget.from))
          writes.put(at.cell, { ...set, from: addSums(budget.from, used) });
        return true;
      },
    };
  }

  /** The session moves as a whole, so its budget counts from nothing until its entries come. */
  #ofSession({ from, to }: Owners, id: string, level: Level): Work<boolean> {
    const { lookup } = this.#parts;
    const [source, target] = [lookup.withLevel(from, level, id), lookup.withLevel(to, level, id)];
    return {
      reads: [source.cell, target.cell, lookup.shapes.cellOf(from.tenant)],
      writes: 2,
      repeatable: true,
      apply: async (writes) => {
        const budget = await writes.get(source.cell);
        if (budget === undefined || (await writes.get(target.cell)) !== undefined) return false;
        const { held: _, counter, ...kept } = budget;
        const count = counter && { counter: { id: newEventId(), since: counter.since } };
        writes.put(target.cell, { ...kept, inline: [], ...count });
        if (hasShape(source, budget)) await lookup.shapes.add(writes, from.tenant, shapedOf(source, budget));
        return true;
      },
    };
  }

  /** Moves the open reservations, each in all budgets in one commit. */
  async moveHolds(owners: Owners, signal: Signal): Promise<void> {
    const { holds } = this.#parts;
    const others = await this.#budgetsOf(owners.to, signal);
    for (let after: { after?: string } = {}; ; ) {
      const page = await holds.holds.keys(ownerOfEntries(owners.from), {
        ...after,
        limit: PAGE_SIZE,
        signal,
      });
      for (const { id } of page)
        await transactWrites(this.#store, (writes) => this.#moveHold(writes, owners, id, others), signal);
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_SIZE) return;
      after = { after: last.id };
    }
  }

  async #moveHold(
    writes: WriteSet,
    { from, to }: Owners,
    id: string,
    others: readonly string[],
  ): Promise<void> {
    const { holds, lookup } = this.#parts;
    const { tenant } = from;
    const hold = await writes.get(holds.holdCell(from, id));
    if (hold === undefined) return;
    const counted = await this.#countedIn(writes, tenant, hold);
    await holds.free(writes, from, id, hold);
    const { amounts, until } = hold;
    const moved = holds.holdCell(to, id);
    if (until <= this.#now() || (await writes.get(moved)) !== undefined) return;
    const ofUser = hold.heldIn.filter(({ of }) => of === "user").map(({ budget }) => budget);
    const places = [
      ...counted.map(({ budget }) => ({ of: "tenant", budget }) as const),
      ...[...new Set([...ofUser, ...others])].map((budget) => ({ of: "user", budget }) as const),
    ];
    const heldIn: HeldIn[] = [];
    for (const { of, budget: name } of places) {
      const cell = lookup.budgets.at(scopeOwner(of === "tenant" ? { tenant } : to), name);
      const budget = await writes.get(cell);
      if (budget === undefined) continue;
      const queue = budget.held?.queue ?? newEventId();
      const due = { user: to.user, hold: id };
      heldIn.push({ of, budget: name, queue });
      writes.put(cell, withHold(budget, queue, { amounts, until }));
      writes.put(holds.dueCell(tenant, { of, queue }, until, due), due);
    }
    if (heldIn.length > 0) writes.put(moved, { ...hold, heldIn });
  }

  /** The tenant's budgets that count the hold: one that was removed and set again since does not. */
  async #countedIn(writes: WriteSet, tenant: string, { heldIn }: Hold): Promise<HeldIn[]> {
    const counted: HeldIn[] = [];
    for (const place of heldIn.filter(({ of }) => of === "tenant")) {
      const budget = await writes.get(this.#parts.lookup.budgets.at(scopeOwner({ tenant }), place.budget));
      if (budget?.held?.queue === place.queue) counted.push(place);
    }
    return counted;
  }

  /** The ids of the budgets that limit all calls of a user. */
  async #budgetsOf(user: UserIdentity, signal: Signal): Promise<string[]> {
    const { lists, lookup } = this.#parts;
    const identity = ownerOfEntries(user);
    const found: string[] = [];
    for await (const id of lists.ids(identity, "user", signal)) {
      const budget = await lookup.budgets.get(identity, id, signal && { signal });
      if (budget !== undefined && !isFiltered(budget.filter)) found.push(id);
    }
    return found;
  }

  /** Removes the budgets of a user. */
  async remove(user: UserIdentity, signal: Signal): Promise<void> {
    const { lookup, budgets, lists } = this.#parts;
    for await (const id of lists.ids(ownerOfEntries(user), "", signal))
      await budgets.remove(lookup.withLevel(user, levelOfId(id), id), user.tenant, signal);
  }
}

function inputOf({ limits, window, name, warnAt }: StoredBudget): BudgetInput {
  return {
    ...formatAmounts(limits),
    ...window,
    ...(name === undefined ? {} : { name }),
    ...(warnAt.length === 0
      ? {}
      : {
          warnAt: warnAt.map((threshold) =>
            typeof threshold === "number" ? threshold : formatAmounts({ [threshold.key]: threshold.amount }),
          ),
        }),
  };
}
