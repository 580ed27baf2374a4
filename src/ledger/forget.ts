import type { Identity, SessionIdentity, StateStore } from "../contract/store.js";
import type { ItemsOptions } from "../typed/collection.js";
import { type EntryOwner, type LedgerCells, ownerOfEntries, type RollupCell } from "./cells.js";
import type { Work } from "./combiner.js";
import { type StoredEntry, sumsOf } from "./entry.js";
import { entryId, entryPrefix, timeOfEntry } from "./entry-id.js";
import { type Links, PIECE } from "./links.js";
import type { Reservations } from "./reservations.js";
import { rewriting } from "./rewriting.js";

type Signal = AbortSignal | undefined;
type Run = <R>(work: Work<R>) => Promise<R>;
type User = Pick<Identity, "tenant" | "user">;

const AT_ONCE = 50;

/**
 * Takes names out of the accounts, and leaves every sum. Each commit leaves the accounts in order and is bounded, so
 * that what was interrupted can be called again, and the accounts may be written meanwhile.
 */
export class Forgetting {
  readonly #store: StateStore;
  readonly #cells: LedgerCells;
  readonly #links: Links;
  readonly #reservations: Reservations;

  constructor(store: StateStore, cells: LedgerCells, links: Links, reservations: Reservations) {
    this.#store = store;
    this.#cells = cells;
    this.#links = links;
    this.#reservations = reservations;
  }

  /** What names a session: its entries are the user's then, and no session's. How many. */
  async session(owner: SessionIdentity, run: Run, signal: Signal): Promise<number> {
    const { tenant, user, session } = owner;
    const moved = await this.#moveAll(owner, { tenant, user }, { prefix: entryPrefix(session) }, run, signal);
    await this.#links.forgetSession(owner, signal);
    const { held } = this.#reservations;
    await held.freeAll(owner, signal);
    await run(this.#reservations.releaseInline(owner));
    await held.remove(this.#reservations.cellOf(owner), signal);
    return moved;
  }

  /** What names a user: the entries are the tenant's then, and no user's. How many. */
  async user(owner: User, run: Run, signal: Signal): Promise<number> {
    const { tenant } = owner;
    const moved = await this.#moveAll(owner, { tenant }, {}, run, signal);
    const { held } = this.#reservations;
    await held.freeAll(owner, signal);
    const under = ownerOfEntries(owner);
    for (;;) {
      const page = await held.budgets.list(under, { limit: AT_ONCE, signal });
      if (page.length === 0) break;
      for (const { id } of page) await held.remove(held.budgets.at(under, id), signal);
    }
    await held.removeLeft(owner, signal);
    await this.#links.removeLeft(owner, signal);
    return moved;
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
        limit: AT_ONCE,
        signal,
      });
      if (page.length === 0) return moved;
      for (const { id, value } of page) {
        if (hasLinks(value)) while (await this.#takeLinks(from, to, id, signal));
      }
      const works = page.map(({ id, value }) => run(this.#move(from, to, id, value)));
      moved += (await Promise.all(works)).filter(Boolean).length;
    }
  }

  /** Deals with a piece of the ids that an entry was sent again under. Whether there was one. */
  #takeLinks(from: User, to: EntryOwner, id: string, signal: Signal): Promise<boolean> {
    const under = ownerOfEntries(from);
    const cell = this.#cells.entries.at(under, id);
    return rewriting(
      this.#store,
      async (writes) => {
        const entry = await writes.get(cell);
        if (entry === undefined || !hasLinks(entry)) return false;
        const { alsoUnder = [], also, ...rest } = entry;
        const listed = alsoUnder.slice(0, PIECE);
        const linked = listed.length > 0 ? [] : await this.#links.take(writes, from, id, signal);
        for (const hash of [...listed, ...linked]) {
          const marker = this.#cells.markers.at(under, hash);
          if (to.user === undefined) writes.remove(marker);
          else writes.put(marker, { entry: movedId(id, entry) });
        }
        const left = alsoUnder.slice(PIECE);
        const more = listed.length > 0 ? also === true : linked.length === PIECE;
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
   * Moves an entry to where its names are missing, with its time, its markers and what it adds to the sums: all of it as
   * the entry is in the commit, for what was listed before may be another.
   */
  #move(from: User, to: EntryOwner, id: string, listed: StoredEntry): Work<boolean> {
    const cells = this.#cells;
    const [under, below] = [ownerOfEntries(from), ownerOfEntries(to)];
    const cell = cells.entries.at(under, id);
    const time = timeOfEntry(id);
    const partsOf = (entry: StoredEntry) => ({
      ...difference(cells.rollups(from, entry), cells.rollups(to, nameless(entry))),
      // Only where they lie matters.
      markers: cells.markersOf(from, entry, true).map((marker) => marker.cell),
    });
    const { left, entered, markers } = partsOf(listed);
    return {
      reads: [cell, ...markers, ...[...left, ...entered].map((rollup) => rollup.cell)],
      writes: 3,
      repeatable: true,
      async act(writes) {
        const entry = await writes.get(cell);
        if (entry === undefined || hasLinks(entry)) return false;
        const { left, entered, markers } = partsOf(entry);
        const moved = movedId(id, entry);
        await writes.subtract(left, sumsOf(entry));
        await writes.add(entered, sumsOf(entry));
        writes.remove(cell);
        if (to.user === undefined) writes.remove(cells.times.at(under, time));
        writes.put(cells.entries.at(below, moved), nameless(entry));
        writes.put(cells.times.at(below, time), moved);
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

/** What a call cost, and nothing that names its session. */
function nameless(entry: StoredEntry): StoredEntry {
  const { session, run, turn, responseId, eventId, reservation, also, alsoUnder, ...kept } = entry;
  return kept;
}

function movedId(id: string, entry: StoredEntry): string {
  return entryId(nameless(entry), timeOfEntry(id));
}

/** The sums that an entry leaves, and those that it enters; most stay as they are. */
function difference(before: ReturnType<LedgerCells["rollups"]>, after: ReturnType<LedgerCells["rollups"]>) {
  const all = ({ ofSession, ofAll }: typeof before) => [...ofSession, ...ofAll];
  const key = ({ cell }: RollupCell) => JSON.stringify([cell.identity, cell.kind]);
  const without = (rollups: RollupCell[], others: RollupCell[]) => {
    const keys = new Set(others.map(key));
    return rollups.filter((rollup) => !keys.has(key(rollup)));
  };
  return { left: without(all(before), all(after)), entered: without(all(after), all(before)) };
}
