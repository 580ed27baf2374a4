import { LIMITS } from "../contract/limits.js";
import type { Identity } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { compareText } from "../rules/order.js";
import { corruptRecord } from "../typed/cell.js";
import type { Collection, Item, ItemsOptions } from "../typed/collection.js";
import { timeKey } from "../typed/time.js";
import {
  type DayRange,
  type Dimension,
  daysRange,
  type EntryOwner,
  isNameless,
  type LedgerCells,
  ownerOfEntries,
  type Rollup,
} from "./cells.js";
import type { StoredEntry } from "./entry.js";
import { entryPrefix, timeKeyOfEntry } from "./entry-id.js";
import type { PeriodMs } from "./period.js";

type Signal = AbortSignal | undefined;

/** A period and, within it, the entries after one entry. */
interface EntryRange extends PeriodMs {
  readonly after?: string;
}

/** Records in memory at a time. */
const PAGE_SIZE = 1000;

/** Reads the records of a ledger in bounded memory. */
export class Reader {
  readonly #cells: LedgerCells;

  constructor(cells: LedgerCells) {
    this.#cells = cells;
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

  /** The entries of a run in the order of time. */
  ofRun(owner: Identity, run: string, range: EntryRange, signal: Signal): AsyncGenerator<Item<StoredEntry>> {
    const prefix = entryPrefix(owner.session, run);
    const { after, before } = boundsOf(range);
    const bounds = {
      ...(after === undefined ? {} : { after: prefix + after }),
      ...(before === undefined ? {} : { before: prefix + before }),
    };
    return pages(this.#cells.entries, ownerOfEntries(owner), { prefix, ...bounds }, signal);
  }

  /** The entries of a session with all its runs, in the order of time. They are sorted in memory. */
  async ofSession(owner: Identity, range: EntryRange, signal: Signal): Promise<Item<StoredEntry>[]> {
    const { after, before } = boundsOf(range);
    const found: { readonly time: string; readonly item: Item<StoredEntry> }[] = [];
    const prefix = entryPrefix(owner.session);
    for await (const item of pages(this.#cells.entries, ownerOfEntries(owner), { prefix }, signal)) {
      const time = timeKeyOfEntry(item.id);
      if (after !== undefined && compareText(time, after) <= 0) continue;
      if (before === undefined || compareText(time, before) < 0) found.push({ time, item });
    }
    return found.sort((a, b) => compareText(a.time, b.time)).map(({ item }) => item);
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
function boundsOf({ since, until, after }: EntryRange): Pick<ItemsOptions, "after" | "before"> {
  const start = since === undefined ? undefined : timeKey(since);
  const from = start === undefined || (after !== undefined && compareText(after, start) > 0) ? after : start;
  return {
    ...(from === undefined ? {} : { after: from }),
    // No entry is later than the year 9999, and the text of a later year would sort before all others.
    ...(until === undefined || until > LIMITS.latest ? {} : { before: timeKey(until) }),
  };
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

async function* batches<T>(
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
