import type { StateStore } from "../contract/store.js";
import type { UserMove } from "../typed/moving/user-data.js";
import type { Attempts } from "./attempts.js";
import type { LedgerCells } from "./cells.js";
import { ownerOfEntries } from "./cells.js";
import { type StoredEntry, sumsOf } from "./entry.js";
import { timeKeyOfEntry } from "./entry-id.js";
import type { BudgetParts } from "./forget.js";
import { rollupChanges } from "./forget.js";
import { LINKS_PER_COMMIT } from "./links.js";
import type { MovingBudgets } from "./moving-budgets.js";
import type { Owners } from "./owners.js";
import type { RecordingParts } from "./record.js";
import { transactWrites } from "./transact-writes.js";
import { NO_USAGE, subtractSums } from "./usage.js";
import type { Work } from "./work.js";
import type { WriteSet } from "./write-set.js";

type Signal = AbortSignal | undefined;
type Run = <R>(work: Work<R>) => Promise<R>;

const PAGE_SIZE = 50;

/**
 * Moves the accounts of a user to another. Each commit is bounded and leaves all sums exact, so a call can be repeated after an
 * interruption, and other callers can write meanwhile. The markers of ids stay too and name the user whose the entries are now:
 * a call that is sent again under the old name counts nothing.
 */
export class MovingAccounts {
  readonly #store: StateStore;
  readonly #parts: RecordingParts;
  readonly #cells: LedgerCells;
  readonly #budgets: MovingBudgets;
  readonly #attempts: Attempts;
  readonly #holds: BudgetParts["holds"];

  constructor(
    store: StateStore,
    parts: RecordingParts,
    budgets: MovingBudgets,
    { holds, attempts }: { readonly holds: BudgetParts["holds"]; readonly attempts: Attempts },
  ) {
    this.#store = store;
    this.#parts = parts;
    this.#cells = parts.cells;
    this.#budgets = budgets;
    this.#attempts = attempts;
    this.#holds = holds;
  }

  /** Returns how many entries it moved. */
  async user({ tenant, from, to }: UserMove, run: Run, signal: Signal): Promise<number> {
    const owners = { from: { tenant, user: from }, to: { tenant, user: to } };
    // Before the entries: whatever a budget counts is then added to it with the entries.
    await this.#budgets.copy(owners, run, signal);
    await this.#budgets.moveHolds(owners, signal);
    const moved = await this.#moveEntries(owners, run, signal);
    await this.#moveLeftovers(owners, signal);
    await this.#attempts.moveUser(owners, signal);
    await this.#budgets.remove(owners.from, signal);
    await this.#holds.removeLeftovers(owners.from, signal);
    return moved;
  }

  async #moveEntries(owners: Owners, run: Run, signal: Signal): Promise<number> {
    let moved = 0;
    for (let after: { after?: string } = {}; ; ) {
      const range = { ...after, limit: PAGE_SIZE, signal };
      const page = await this.#cells.entries.list(ownerOfEntries(owners.from), range);
      for (const { id } of page) while (await this.#moveManyLinks(owners, id, signal));
      const works = page.map(({ id, value }) => run(this.#move(owners, id, value)));
      moved += (await Promise.all(works)).filter(Boolean).length;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_SIZE) return moved;
      after = { after: last.id };
    }
  }

  /** Moves further ids of an entry, if it has more than its commit takes. Returns whether it had. */
  async #moveManyLinks(owners: Owners, id: string, signal: Signal): Promise<boolean> {
    const links = await this.#parts.links.of(owners.from, id, LINKS_PER_COMMIT + 1, signal);
    if (links.length <= LINKS_PER_COMMIT) return false;
    await transactWrites(
      this.#store,
      (writes) => this.#moveLinks(writes, owners, links.slice(0, LINKS_PER_COMMIT)),
      signal,
    );
    return true;
  }

  /** Moves an entry with its time record, its markers and what it adds to the sums. It is read again in the commit. */
  #move(owners: Owners, id: string, listed: StoredEntry): Work<boolean> {
    const cells = this.#cells;
    const { from, to } = owners;
    const [identity, newIdentity] = [ownerOfEntries(from), ownerOfEntries(to)];
    const cell = cells.entries.at(identity, id);
    const time = timeKeyOfEntry(id);
    const rollupsOf = (entry: StoredEntry) =>
      rollupChanges(cells.rollups(from, entry), cells.rollups(to, entry));
    const { left, entered } = rollupsOf(listed);
    const rollups = [...left, ...entered].map((rollup) => rollup.cell);
    return {
      reads: [cell, ...rollups, ...this.#parts.counting.readsOf(from)],
      writes: 12,
      repeatable: true,
      apply: async (writes) => {
        const entry = await writes.get(cell);
        if (entry === undefined) return false;
        const sums = sumsOf(entry);
        const changed = rollupsOf(entry);
        await writes.subtract(changed.left, sums);
        await writes.add(changed.entered, sums);
        // The shares of limits that are reached now were not reached by a call: nobody is told of them.
        await this.#parts.counting.count(writes, from, entry, subtractSums(NO_USAGE, sums));
        await this.#parts.counting.count(writes, to, entry, sums);
        writes.remove(cell);
        writes.remove(cells.times.at(identity, time));
        writes.put(cells.entries.at(newIdentity, id), entry);
        writes.put(cells.times.at(newIdentity, time), id);
        const own = cells.markersOf(from, entry, true).map((marker) => marker.id);
        for (const hash of [...own, ...(entry.alsoUnder ?? [])]) await this.#moveMarker(writes, owners, hash);
        const links = await this.#parts.links.of(from, id, LINKS_PER_COMMIT, undefined);
        await this.#moveLinks(writes, owners, links);
        return true;
      },
    };
  }

  async #moveLinks(writes: WriteSet, owners: Owners, links: readonly string[]): Promise<void> {
    for (const link of links) {
      const hash = await this.#parts.links.move(writes, owners, link);
      if (hash !== undefined) await this.#moveMarker(writes, owners, hash);
    }
  }

  /** Moves the marker of an id, and leaves one that says where the entry is. */
  async #moveMarker(writes: WriteSet, { from, to }: Owners, hash: string): Promise<void> {
    const source = this.#cells.markers.at(ownerOfEntries(from), hash);
    const marker = await writes.get(source);
    if (marker === undefined || marker.user !== undefined) return;
    const target = this.#cells.markers.at(ownerOfEntries(to), hash);
    const there = await writes.get(target);
    if (there === undefined || there.user !== undefined) writes.put(target, marker);
    writes.put(source, { ...marker, user: to.user });
  }

  /** Markers whose entries have moved: a call may have been sent again while its entry moved. */
  async #moveLeftovers(owners: Owners, signal: Signal): Promise<void> {
    const identity = ownerOfEntries(owners.from);
    for (let after: { after?: string } = {}; ; ) {
      const page = await this.#cells.markers.list(identity, { ...after, limit: LINKS_PER_COMMIT, signal });
      const left = page.filter(({ value }) => value.user === undefined);
      if (left.length > 0)
        await transactWrites(
          this.#store,
          async (writes) => {
            for (const { id, value } of left) {
              const time = this.#cells.times.at(identity, timeKeyOfEntry(value.entry));
              if ((await writes.get(time)) === undefined) await this.#moveMarker(writes, owners, id);
            }
          },
          signal,
        );
      const last = page.at(-1);
      if (last === undefined || page.length < LINKS_PER_COMMIT) return;
      after = { after: last.id };
    }
  }
}
