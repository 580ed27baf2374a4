import type { Identity } from "../../contract.js";
import { tenantIdentity } from "../../identity.js";
import { compareText } from "../../order.js";
import { corruptRecord } from "../cell.js";
import type { Collection, Item, ItemsOptions } from "../collection.js";
import { timeKey } from "../time.js";
import type { StoredEntry } from "./entry.js";
import type { Span } from "./period.js";
import {
  type DayRange,
  type Dimension,
  daysRange,
  entryPrefix,
  ownerOfEntries,
  type Places,
  type Rollup,
  timeOfEntry,
} from "./places.js";

type Signal = AbortSignal | undefined;

/** How many records are held at once. */
const PAGE = 1000;

/** Goes through what a ledger stored, in bounded memory. */
export class Reader {
  readonly #places: Places;

  constructor(places: Places) {
    this.#places = places;
  }

  /** The rollups of some days. */
  rollups(
    tenant: string,
    dimension: Dimension,
    days: DayRange,
    signal: Signal,
  ): AsyncGenerator<Item<Rollup>> {
    return pages(this.#places.days, tenantIdentity(tenant), daysRange(dimension, days), signal);
  }

  /** The entries of a run in the order of time. */
  async *ofRun(owner: Identity, run: string, span: Span, signal: Signal): AsyncGenerator<StoredEntry> {
    const prefix = entryPrefix(owner.session, run);
    const items = pages(
      this.#places.entries,
      ownerOfEntries(owner),
      { prefix, ...timeRange(span, prefix) },
      signal,
    );
    for await (const { value } of items) yield value;
  }

  /** The entries of a session, whatever the run, in the order of time. They are sorted in memory. */
  async ofSession(owner: Identity, span: Span, signal: Signal): Promise<StoredEntry[]> {
    const { since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = span;
    const found: Item<StoredEntry>[] = [];
    const prefix = entryPrefix(owner.session);
    for await (const item of pages(this.#places.entries, ownerOfEntries(owner), { prefix }, signal)) {
      if (item.value.at >= since && item.value.at < until) found.push(item);
    }
    found.sort((a, b) => compareText(timeOfEntry(a.id), timeOfEntry(b.id)));
    return found.map(({ value }) => value);
  }

  /** The entries of a user, whatever the session, in the order of time. */
  async *ofUser(
    owner: Pick<Identity, "tenant" | "user">,
    span: Span,
    signal: Signal,
  ): AsyncGenerator<StoredEntry> {
    const under = ownerOfEntries(owner);
    for await (const page of batches(this.#places.times, under, timeRange(span), signal)) {
      yield* await Promise.all(page.map((item) => this.#entry(under, item)));
    }
  }

  async #entry(under: Identity, { id: time, value: id }: Item<string>): Promise<StoredEntry> {
    const found = await this.#places.entries.get(under, id);
    if (found !== undefined) return found;
    // Forgotten meanwhile, it lies elsewhere.
    const now = await this.#places.times.get(under, time);
    const moved = now === undefined ? undefined : await this.#places.entries.get(under, now);
    if (moved === undefined) throw corruptRecord(this.#places.entries.at(under, id), "an entry is missing");
    return moved;
  }
}

/** The bounds of the ids that a span has, behind a prefix. An id of a moment is that moment and a point and more. */
function timeRange({ since, until }: Span, prefix = ""): Pick<ItemsOptions, "after" | "before"> {
  return {
    ...(since === undefined ? {} : { after: prefix + timeKey(since) }),
    ...(until === undefined ? {} : { before: prefix + timeKey(until) }),
  };
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
    const page = await collection.list(owner, { ...options, ...from, limit: PAGE, signal });
    yield page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    from = { after: last.id };
  }
}
