import type { Identity } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { corruptRecord } from "../typed/cell.js";
import type { Item, ItemsOptions } from "../typed/collection.js";
import { dayOfId, type EntryOwner, type LedgerCells, ownerOfEntries, type Scope } from "./cells.js";
import { Earliest, type Located } from "./earliest.js";
import type { StoredEntry } from "./entry.js";
import { entryPrefix, timeKeyOfEntry } from "./entry-id.js";
import {
  batches,
  boundsOf,
  daysOf,
  type EntryRange,
  inChunks,
  type Reader,
  USERS_AT_ONCE,
  within,
} from "./reader.js";

type Signal = AbortSignal | undefined;

/** An entry with its id and its owner. */
export interface OrderedEntry {
  readonly owner: Identity;
  readonly id: string;
  readonly entry: StoredEntry;
}

/** Places of entries in memory at a time. */
const MOST_PLACES = 10_000;
/** Entries in memory at a time. */
const ENTRIES_AT_ONCE = 250;

/** Reads entries in the order of time, in bounded memory. It is not a snapshot. */
export class OrderedReader {
  readonly #cells: LedgerCells;
  readonly #reader: Reader;
  readonly #mostPlaces: number;

  constructor(cells: LedgerCells, reader: Reader, mostPlaces = MOST_PLACES) {
    this.#cells = cells;
    this.#reader = reader;
    this.#mostPlaces = mostPlaces;
  }

  /**
   * The entries of a tenant, a user, a session or a run. All before a damaged one are yielded; then it is CORRUPT. Of a
   * tenant, `atOnce` of them are looked for together.
   */
  async *entries(
    scope: Scope,
    range: EntryRange,
    signal: Signal,
    atOnce = this.#mostPlaces,
  ): AsyncGenerator<OrderedEntry> {
    const most = Math.min(atOnce, this.#mostPlaces);
    for await (const places of this.#places(scope, range, most, signal)) {
      for (let from = 0; from < places.length; from += ENTRIES_AT_ONCE) {
        const some = places.slice(from, from + ENTRIES_AT_ONCE);
        const entries = await Promise.allSettled(some.map((located) => this.#entry(scope, located, signal)));
        for (const outcome of entries) {
          if (outcome.status === "rejected") throw outcome.reason;
          if (outcome.value !== undefined) yield outcome.value;
        }
      }
    }
  }

  #places(scope: Scope, range: EntryRange, most: number, signal: Signal): AsyncGenerator<readonly Located[]> {
    const { tenant, user, session, run } = scope;
    if (user === undefined) return this.#ofTenant(tenant, range, most, signal);
    if (session === undefined) return this.#ofUser(tenant, user, range, undefined, signal);
    const prefix = entryPrefix(session, run);
    return run === undefined
      ? this.#ofSession(tenant, user, prefix, range, signal)
      : this.#ofRun(tenant, user, prefix, range, signal);
  }

  async *#ofRun(
    tenant: string,
    user: string,
    prefix: string,
    range: EntryRange,
    signal: Signal,
  ): AsyncGenerator<readonly Located[]> {
    const { after, before } = boundsOf(range);
    const bounds = {
      ...(after === undefined ? {} : { after: prefix + after }),
      ...(before === undefined ? {} : { before: prefix + before }),
    };
    const owner = ownerOfEntries({ tenant, user });
    for await (const page of this.#keys(owner, { prefix, ...bounds }, signal))
      yield page.map(({ id }) => ({ time: timeKeyOfEntry(id), id, user }));
  }

  /** The ids of a session's entries sort by run: few are sorted here, many are found among all of the user. */
  async *#ofSession(
    tenant: string,
    user: string,
    prefix: string,
    range: EntryRange,
    signal: Signal,
  ): AsyncGenerator<readonly Located[]> {
    const owner = ownerOfEntries({ tenant, user });
    const { after, before } = boundsOf(range);
    const earliest = new Earliest(this.#mostPlaces);
    for await (const page of this.#keys(owner, { prefix }, signal)) {
      for (const { id } of page) {
        const time = timeKeyOfEntry(id);
        if ((after === undefined || time > after) && (before === undefined || time < before))
          earliest.add({ time, id, user });
      }
      if (earliest.bound !== undefined) break;
    }
    const places = earliest.sorted();
    if (earliest.bound === undefined) yield places;
    else yield* this.#ofUser(tenant, user, range, prefix, signal);
  }

  async *#ofUser(
    tenant: string,
    user: string,
    range: EntryRange,
    prefix: string | undefined,
    signal: Signal,
  ): AsyncGenerator<readonly Located[]> {
    const owner = ownerOfEntries({ tenant, user });
    for await (const page of batches(this.#cells.times, owner, boundsOf(range), signal)) {
      const own = page.filter(({ value: id }) => prefix === undefined || id.startsWith(prefix));
      yield own.map(({ id, value }) => ({ time: id, id: value, user }));
    }
  }

  /** Day by day, and of a day as many of the earliest as there is room for, again and again. */
  async *#ofTenant(
    tenant: string,
    range: EntryRange,
    most: number,
    signal: Signal,
  ): AsyncGenerator<readonly Located[]> {
    const start = boundsOf(range).after;
    const first = start === undefined ? {} : { since: Date.parse(start.slice(0, 24)) };
    const days = daysOf({ ...range, ...first });
    for await (const { id } of this.#reader.rollups(tenant, "day", days, signal)) {
      const day = dayOfId(id);
      for (let after = range.after; ; ) {
        const part = { ...within(day, range), ...(after === undefined ? {} : { after }) };
        const places = await this.#earliestOf(tenant, day, part, most, signal);
        yield places;
        const last = places.at(-1);
        if (last === undefined || places.length < most) break;
        after = last.time;
      }
    }
  }

  async #earliestOf(
    tenant: string,
    day: string,
    range: EntryRange,
    most: number,
    signal: Signal,
  ): Promise<readonly Located[]> {
    const earliest = new Earliest(most);
    for await (const users of inChunks(this.#reader.users(tenant, day, signal), USERS_AT_ONCE))
      await Promise.all(
        users.map((user) => user !== undefined && this.#addTimes(earliest, { tenant, user }, range, signal)),
      );
    // Entries of a user who is being forgotten move there: last, so that none is missed.
    await this.#addTimes(earliest, { tenant }, range, signal);
    return earliest.sorted();
  }

  async #addTimes(earliest: Earliest, owner: EntryOwner, range: EntryRange, signal: Signal): Promise<void> {
    const pages = batches(this.#cells.times, ownerOfEntries(owner), boundsOf(range), signal);
    for await (const page of pages)
      for (const { id: time, value: id } of page) if (!earliest.add({ time, id, user: owner.user })) return;
  }

  async #entry({ tenant }: Scope, located: Located, signal: Signal): Promise<OrderedEntry | undefined> {
    const { time, id, user } = located;
    const owner = ownerOfEntries(user === undefined ? { tenant } : { tenant, user });
    if (timeKeyOfEntry(id) !== time)
      throw corruptRecord(this.#cells.times.at(owner, time), "it leads to an entry of another time");
    const options = signal && { signal };
    const found = await this.#cells.entries.get(owner, id, options);
    if (found !== undefined) return { owner, id, entry: found };
    // If its session or its user was forgotten meanwhile, the entry has moved.
    for (const now of [owner, tenantIdentity(tenant)]) {
      const moved = await this.#cells.times.get(now, time, options);
      if (moved === undefined) continue;
      const entry = await this.#cells.entries.get(now, moved, options);
      if (entry !== undefined) return { owner: now, id: moved, entry };
      if (moved === id) throw corruptRecord(this.#cells.entries.at(now, id), "an entry is missing");
    }
    return undefined;
  }

  async *#keys(owner: Identity, options: ItemsOptions, signal: Signal) {
    for (let from: { after?: string } = {}; ; ) {
      const page: Pick<Item<unknown>, "id">[] = await this.#cells.entries.keys(owner, {
        ...options,
        ...from,
        limit: KEYS_PER_PAGE,
        signal,
      });
      yield page;
      const last = page.at(-1);
      if (last === undefined || page.length < KEYS_PER_PAGE) return;
      from = { after: last.id };
    }
  }
}

const KEYS_PER_PAGE = 1000;
