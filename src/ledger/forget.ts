import type { Identity, SessionIdentity, StateStore } from "../contract/store.js";
import type { ItemsOptions } from "../typed/collection.js";
import type { Attempts } from "./attempts.js";
import type { BudgetHolds } from "./budget-holds.js";
import type { BudgetLists } from "./budget-lists.js";
import type { BudgetLookup } from "./budget-lookup.js";
import { levelOfId } from "./budget-scope.js";
import type { Budgets } from "./budgets.js";
import {
  type EntryOwner,
  type LedgerCells,
  ownerOfEntries,
  type RollupCell,
  runsOf,
  scopeId,
} from "./cells.js";
import { type StoredEntry, sumsOf } from "./entry.js";
import { entryId, entryPrefix, timeKeyOfEntry } from "./entry-id.js";
import { LINKS_PER_COMMIT, type Links } from "./links.js";
import type { Reservations } from "./reservations.js";
import { transactWrites } from "./transact-writes.js";
import type { Work } from "./work.js";

type Signal = AbortSignal | undefined;
type Run = <R>(work: Work<R>) => Promise<R>;
type User = Pick<Identity, "tenant" | "user">;

const PAGE_SIZE = 50;

/** What keeps budgets and their holds. */
export interface BudgetParts {
  readonly lookup: BudgetLookup;
  readonly budgets: Budgets;
  readonly lists: BudgetLists;
  readonly holds: BudgetHolds;
  readonly reservations: Reservations;
}

/**
 * Removes names from the accounts and leaves the sums. Each commit is bounded and leaves the accounts consistent, so a
 * call can be repeated after an interruption, and other callers can write meanwhile.
 */
export class Forgetting {
  readonly #store: StateStore;
  readonly #cells: LedgerCells;
  readonly #links: Links;
  readonly #budgets: BudgetParts;
  readonly #attempts: Attempts;

  constructor(store: StateStore, cells: LedgerCells, links: Links, budgets: BudgetParts, attempts: Attempts) {
    this.#store = store;
    this.#cells = cells;
    this.#links = links;
    this.#budgets = budgets;
    this.#attempts = attempts;
  }

  /** Removes the names of a session from its entries, which then belong to the user alone. Returns how many. */
  async session(owner: SessionIdentity, run: Run, signal: Signal): Promise<number> {
    const { tenant, user, session } = owner;
    const moved = await this.#moveAll(owner, { tenant, user }, { prefix: entryPrefix(session) }, run, signal);
    await this.#links.forgetSession(owner, signal);
    await this.#attempts.forgetSession(owner, signal);
    const { holds, reservations } = this.#budgets;
    await holds.freeAll(owner, signal);
    await run(reservations.releaseInline(owner));
    await this.#removeBudgets(owner, scopeId({ tenant, user, session }), signal);
    await this.#removeBudgets(owner, runsOf(session), signal);
    return moved;
  }

  /** Removes the names of a user from its entries, which then belong to the tenant alone. Returns how many. */
  async user(owner: User, run: Run, signal: Signal): Promise<number> {
    const { tenant } = owner;
    const moved = await this.#moveAll(owner, { tenant }, {}, run, signal);
    const { holds } = this.#budgets;
    await holds.freeAll(owner, signal);
    await this.#removeBudgets(owner, "", signal);
    await holds.removeLeftovers(owner, signal);
    await this.#links.removeLeftovers(owner, signal);
    await this.#attempts.forgetUser(owner, signal);
    return moved;
  }

  async #removeBudgets(owner: User, prefix: string, signal: Signal): Promise<void> {
    const { lookup, budgets, lists } = this.#budgets;
    for await (const id of lists.ids(ownerOfEntries(owner), prefix, signal))
      await budgets.remove(lookup.withLevel(owner, levelOfId(id), id), owner.tenant, signal);
  }

  async #moveAll(
    from: User,
    to: EntryOwner,
    range: Pick<ItemsOptions, "prefix">,
    run: Run,
    signal: Signal,
  ): Promise<number> {
    for (let moved = 0; ; ) {
      const page = await this.#cells.entries.list(ownerOfEntries(from), {
        ...range,
        limit: PAGE_SIZE,
        signal,
      });
      if (page.length === 0) return moved;
      for (const { id, value } of page) {
        if (hasLinks(value)) while (await this.#removeSomeLinks(from, to, id, signal));
      }
      const works = page.map(({ id, value }) => run(this.#move(from, to, id, value)));
      moved += (await Promise.all(works)).filter(Boolean).length;
    }
  }

  /** Removes or rewrites some of the further ids of an entry. Returns whether there were any. */
  #removeSomeLinks(from: User, to: EntryOwner, id: string, signal: Signal): Promise<boolean> {
    const identity = ownerOfEntries(from);
    const cell = this.#cells.entries.at(identity, id);
    return transactWrites(
      this.#store,
      async (writes) => {
        const entry = await writes.get(cell);
        if (entry === undefined || !hasLinks(entry)) return false;
        const { alsoUnder = [], also, ...rest } = entry;
        const listed = alsoUnder.slice(0, LINKS_PER_COMMIT);
        const linked = listed.length > 0 ? [] : await this.#links.removeSome(writes, from, id, signal);
        for (const hash of [...listed, ...linked]) {
          const marker = this.#cells.markers.at(identity, hash);
          if (to.user === undefined) writes.remove(marker);
          else writes.put(marker, { entry: movedId(id, entry) });
        }
        const left = alsoUnder.slice(LINKS_PER_COMMIT);
        const more = listed.length > 0 ? also === true : linked.length === LINKS_PER_COMMIT;
        writes.put(cell, {
          ...rest,
          ...(left.length > 0 ? { alsoUnder: left } : {}),
          ...(more ? { also: true } : {}),
        });
        return true;
      },
      signal,
    );
  }

  /**
   * Moves an entry to its id without names, and changes its time record, its markers and the rollups. The entry is read
   * again in the commit, because it may have changed since it was listed.
   */
  #move(from: User, to: EntryOwner, id: string, listed: StoredEntry): Work<boolean> {
    const cells = this.#cells;
    const [identity, newIdentity] = [ownerOfEntries(from), ownerOfEntries(to)];
    const cell = cells.entries.at(identity, id);
    const time = timeKeyOfEntry(id);
    const affectedCells = (entry: StoredEntry) => ({
      ...rollupChanges(cells.rollups(from, entry), cells.rollups(to, withoutNames(entry))),
      // Only the cells of the markers matter, so the time need not be known to have been given.
      markers: cells.markersOf(from, entry, true).map((marker) => marker.cell),
    });
    const { left, entered, markers } = affectedCells(listed);
    return {
      reads: [cell, ...markers, ...[...left, ...entered].map((rollup) => rollup.cell)],
      writes: 3,
      repeatable: true,
      async apply(writes) {
        const entry = await writes.get(cell);
        if (entry === undefined || hasLinks(entry)) return false;
        const { left, entered, markers } = affectedCells(entry);
        const moved = movedId(id, entry);
        await writes.subtract(left, sumsOf(entry));
        await writes.add(entered, sumsOf(entry));
        writes.remove(cell);
        if (to.user === undefined) writes.remove(cells.times.at(identity, time));
        writes.put(cells.entries.at(newIdentity, moved), withoutNames(entry));
        writes.put(cells.times.at(newIdentity, time), moved);
        for (const marker of markers) {
          if (to.user === undefined) writes.remove(marker);
          else writes.put(marker, { entry: moved });
        }
        return true;
      },
    };
  }
}

function hasLinks({ also, alsoUnder }: StoredEntry): boolean {
  return also === true || alsoUnder !== undefined;
}

/** The entry without the names of its session. */
function withoutNames(entry: StoredEntry): StoredEntry {
  const { session, run, turn, responseId, eventId, reservation, reason, ...others } = entry;
  const { warnings, also, alsoUnder, ...kept } = others;
  return kept;
}

function movedId(id: string, entry: StoredEntry): string {
  return entryId(withoutNames(entry), timeKeyOfEntry(id));
}

/** The rollups that an entry leaves, and those that it enters. Most rollups do not change. */
export function rollupChanges(
  before: ReturnType<LedgerCells["rollups"]>,
  after: ReturnType<LedgerCells["rollups"]>,
) {
  const all = ({ ofSession, others }: typeof before) => [...ofSession, ...others];
  const key = ({ cell }: RollupCell) => JSON.stringify([cell.identity, cell.kind]);
  const without = (rollups: RollupCell[], others: RollupCell[]) => {
    const keys = new Set(others.map(key));
    return rollups.filter((rollup) => !keys.has(key(rollup)));
  };
  return { left: without(all(before), all(after)), entered: without(all(after), all(before)) };
}
