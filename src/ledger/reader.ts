import { LIMITS } from "../contract/limits.js";
import type { Identity } from "../contract/store.js";
import { tenantIdentity, userIdentity } from "../identity/identity.js";
import { compareText } from "../rules/order.js";
import { corruptRecord } from "../typed/cell.js";
import type { Collection, Item, ItemsOptions } from "../typed/collection.js";
import { timeKey } from "../typed/time.js";
import {
  type DayRange,
  type Dimension,
  dayId,
  dayOf,
  dayOfId,
  dayStart,
  daysRange,
  type EntryOwner,
  isNameless,
  type LedgerCells,
  ownerOfEntries,
  type Rollup,
  type Scope,
} from "./cells.js";
import type { StoredEntry } from "./entry.js";
import { entryPrefix, timeKeyOfEntry } from "./entry-id.js";
import type { PeriodMs } from "./period.js";
import type { RollupSource } from "./summary-query.js";

type Signal = AbortSignal | undefined;

/** A period and, within it, the entries after one entry. */
export interface EntryRange extends PeriodMs {
  readonly after?: string;
}

/** An entry, and whose it is; `undefined` after the user was forgotten. */
export interface OwnedEntry {
  readonly user: string | undefined;
  readonly entry: StoredEntry;
}

/** Records in memory at a time. */
const PAGE_SIZE = 1000;
/** Users of a tenant whose entries are read at a time. */
export const USERS_AT_ONCE = 16;

/** Reads the records of a ledger in bounded memory. */
export class Reader {
  readonly #cells: LedgerCells;

  constructor(cells: LedgerCells) {
    this.#cells = cells;
  }

  /** The rollups that have the sums of a range of days. One name is looked up for each day with calls. */
  async *sumsOfDays(
    tenant: string,
    { dimension, names }: RollupSource,
    days: DayRange,
    signal: Signal,
  ): AsyncGenerator<{ readonly day: string; readonly rollup: Rollup }> {
    const range = daysRange(names === undefined ? dimension : "day", days);
    for await (const page of batches(this.#cells.days, tenantIdentity(tenant), range, signal)) {
      const found = await Promise.all(
        page.map(async ({ id, value }) => {
          const day = dayOfId(id);
          if (names === undefined) return { day, rollup: value };
          const own = dayId(dimension, day, ...names);
          const rollup = await this.#cells.days.get(tenantIdentity(tenant), own, signal && { signal });
          return rollup && { day, rollup };
        }),
      );
      yield* found.filter((sum) => sum !== undefined);
    }
  }

  /**
   * The entries of a tenant, a user, a session or a run, with their users, in no order: those of a tenant day by day, so
   * that its users need not be held in memory.
   */
  async *unordered(scope: Scope, period: PeriodMs, signal: Signal): AsyncGenerator<OwnedEntry> {
    const { tenant, user, session, run } = scope;
    const { after, before } = boundsOf(period);
    if (user === undefined) yield* this.#ofTenant(tenant, period, signal);
    else if (session === undefined && (after !== undefined || before !== undefined)) {
      for await (const entry of this.ofUser({ tenant, user }, period, signal)) yield { user, entry };
    } else {
      const range = session === undefined ? {} : { prefix: entryPrefix(session, run) };
      for await (const { id, value } of pages(
        this.#cells.entries,
        userIdentity(tenant, user),
        range,
        signal,
      )) {
        const time = timeKeyOfEntry(id);
        const isEarly = after !== undefined && compareText(time, after) <= 0;
        if (!isEarly && (before === undefined || compareText(time, before) < 0)) yield { user, entry: value };
      }
    }
  }

  async *#ofTenant(tenant: string, period: PeriodMs, signal: Signal): AsyncGenerator<OwnedEntry> {
    for await (const { id } of this.rollups(tenant, "day", daysOf(period), signal)) {
      const part = within(dayOfId(id), period);
      for await (const users of inChunks(this.users(tenant, dayOfId(id), signal), USERS_AT_ONCE)) {
        // Most users have few calls on a day: their first pages are read together.
        const firsts = await Promise.all(
          users.map(async (user) => {
            const entries = this.ofUser(ownerOf(tenant, user), part, signal);
            return { user, entries, first: await entries.next() };
          }),
        );
        for (const { user, entries, first } of firsts) {
          if (first.done) continue;
          yield { user, entry: first.value };
          for await (const entry of entries) yield { user, entry };
        }
      }
    }
  }

  /** The rollups of a range of days. */
  rollups(
    tenant: string,
    dimension: Dimension,
    days: DayRange,
    signal: Signal,
  ): AsyncGenerator<Item<Rollup>> {
    return pages(this.#cells.days, tenantIdentity(tenant), daysRange(dimension, days), signal);
  }

  /** The users with usage on a day; `undefined` for forgotten users. CORRUPT where a rollup names no valid user. */
  async *users(tenant: string, day: string, signal: Signal): AsyncGenerator<string | undefined> {
    for await (const { id, value } of this.rollups(tenant, "user", { first: day, last: day }, signal)) {
      const { key } = value;
      if (!(key === undefined ? isNameless(id) : isUserName(tenant, key))) {
        const cell = this.#cells.days.at(tenantIdentity(tenant), id);
        throw corruptRecord(cell, "a sum of what a user used does not say whose it is");
      }
      yield key;
    }
  }

  /** The entries of a user in all sessions, in the order of time. */
  async *ofUser(owner: EntryOwner, span: PeriodMs, signal: Signal): AsyncGenerator<StoredEntry> {
    const identity = ownerOfEntries(owner);
    for await (const page of batches(this.#cells.times, identity, boundsOf(span), signal)) {
      const entries = await Promise.all(page.map((item) => this.#entry(identity, item)));
      yield* entries.filter((entry) => entry !== undefined);
    }
  }

  async #entry(identity: Identity, { id: time, value: id }: Item<string>): Promise<StoredEntry | undefined> {
    if (timeKeyOfEntry(id) !== time)
      throw corruptRecord(this.#cells.times.at(identity, time), "it leads to an entry of another time");
    const found = await this.#cells.entries.get(identity, id);
    if (found !== undefined) return found;
    // If the session was forgotten meanwhile, the entry has another id; if the user was, it is no longer the user's.
    const now = await this.#cells.times.get(identity, time);
    if (now === undefined) return undefined;
    const moved = await this.#cells.entries.get(identity, now);
    if (moved === undefined) throw corruptRecord(this.#cells.entries.at(identity, id), "an entry is missing");
    return moved;
  }
}

/** The bounds of a range among time keys. A time key is a time, a point and a unique id, so it sorts after its time. */
export function boundsOf({ since, until, after }: EntryRange): Pick<ItemsOptions, "after" | "before"> {
  const start = since === undefined ? undefined : timeKey(since);
  const from = start === undefined || (after !== undefined && compareText(after, start) > 0) ? after : start;
  return {
    ...(from === undefined ? {} : { after: from }),
    // No entry is later than the year 9999, and the text of a later year would sort before all others.
    ...(until === undefined || until > LIMITS.latest ? {} : { before: timeKey(until) }),
  };
}

/** The days that a period lies in. */
export function daysOf({ since, until }: PeriodMs): DayRange {
  return {
    ...(since === undefined ? {} : { first: dayOf(since) }),
    ...(until === undefined || until > LIMITS.latest ? {} : { last: dayOf(until - 1) }),
  };
}

/** The part of a day that lies in a period. */
export function within(day: string, { since, until }: PeriodMs): PeriodMs {
  const start = dayStart(day);
  const end = start + 86_400_000;
  return {
    since: since === undefined ? start : Math.max(since, start),
    until: until === undefined ? end : Math.min(until, end),
  };
}

function ownerOf(tenant: string, user: string | undefined): EntryOwner {
  return user === undefined ? { tenant } : { tenant, user };
}

export async function* inChunks<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    if (chunk.push(item) < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

function isUserName(tenant: string, key: string): boolean {
  try {
    return ownerOfEntries({ tenant, user: key }).user === key;
  } catch {
    return false;
  }
}

async function* pages<T>(
  collection: Collection<T>,
  owner: Identity,
  options: ItemsOptions,
  signal: Signal,
): AsyncGenerator<Item<T>> {
  for await (const page of batches(collection, owner, options, signal)) yield* page;
}

export async function* batches<T>(
  collection: Collection<T>,
  owner: Identity,
  options: ItemsOptions,
  signal: Signal,
): AsyncGenerator<Item<T>[]> {
  let from: { after?: string } = {};
  for (;;) {
    const page = await collection.list(owner, { ...options, ...from, limit: PAGE_SIZE, signal });
    yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_SIZE) return;
    from = { after: last.id };
  }
}
