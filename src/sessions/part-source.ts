import { LIMITS } from "../contract/limits.js";
import type { Identity, RecordHeader, RecordKey, StateRecord, StateStore } from "../contract/store.js";
import { maintenanceScope } from "../identity/scope.js";
import { compareText } from "../rules/order.js";
import { timeKey } from "../typed/time.js";
import { isTenant } from "./owners.js";

/** Which entries of a part of a list are read, and in which order. */
export interface PartRange {
  readonly prefix: string;
  readonly isNewestFirst: boolean;
  /** Only entries behind this one, in the order that was asked for. It need not exist any more. */
  readonly beyond: RecordKey | undefined;
  /** Only entries of this kind and later ones, where `beyond` is absent; not with the newest first. */
  readonly from: string | undefined;
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

/** Reads entries of the lists of users: up to `limit`, and fewer only at the end of what is read. */
export interface EntrySource<Range> {
  records(range: Range): Promise<StateRecord[]>;
  /** The same without the payloads, which may be damaged. */
  headers(range: Range): Promise<RecordHeader[]>;
}

/** Parts of the lists of one user, or of all users of a tenant. */
export function partSourceOf(store: StateStore, owner: Identity, now: () => number): EntrySource<PartRange> {
  return isTenant(owner) ? entriesOfTenant(store, owner, now) : entriesOfUser(store, owner);
}

function entriesOfUser(store: StateStore, user: Identity): EntrySource<PartRange> {
  const options = ({ isNewestFirst, beyond, from, limit, signal }: PartRange) => ({
    limit,
    signal,
    ...(isNewestFirst ? { reverse: true, before: beyond?.kind } : { after: beyond?.kind }),
    ...(from !== undefined && { from }),
  });
  return {
    records: (range) => store.list(user, range.prefix, options(range)),
    headers: (range) => store.list(user, range.prefix, { ...options(range), bytes: false }),
  };
}

function entriesOfTenant(store: StateStore, tenant: Identity, now: () => number): EntrySource<PartRange> {
  const scope = maintenanceScope({ reason: "lists the sessions of a tenant", tenant: tenant.tenant });
  const read = <R extends RecordHeader>(range: PartRange, scan: Scan<R>) => {
    if (range.isNewestFirst) return new Backwards(range, tenant, scan).read(now());
    const { beyond, from, limit } = range;
    return scan(beyond ?? (from === undefined ? undefined : { identity: tenant, kind: from }), limit);
  };
  return {
    records: ({ prefix, signal, ...range }) =>
      read({ ...range, prefix, signal }, (after, limit) =>
        store.listKind(scope, prefix, { after, limit, signal }),
      ),
    headers: ({ prefix, signal, ...range }) =>
      read({ ...range, prefix, signal }, (after, limit) =>
        store.listKind(scope, prefix, { after, limit, signal, bytes: false }),
      ),
  };
}

/** Records of one prefix in ascending order, after a key. */
type Scan<R> = (after: RecordKey | undefined, limit: number) => Promise<R[]>;

const FIRST_WIDTH_MS = 60_000;
/** How much narrower or wider the next piece of time is. */
const FACTOR = 8;
const TIME_LENGTH = timeKey(0).length;

/**
 * Reads backwards by scans that only go forwards: pieces of time, from the latest to the earliest, as wide as holds about what
 * is wanted. Entries of all users of a tenant lie in the order of time, and no scan across users can be reversed.
 */
class Backwards<R extends RecordHeader> {
  readonly #range: PartRange;
  readonly #anyone: Identity;
  readonly #scan: Scan<R>;
  readonly #size: number;

  constructor(range: PartRange, anyone: Identity, scan: Scan<R>) {
    this.#range = range;
    this.#anyone = anyone;
    this.#scan = scan;
    this.#size = Math.min(2 * range.limit, LIMITS.limit);
  }

  async read(now: number): Promise<R[]> {
    const { limit, beyond } = this.#range;
    const [oldest] = await this.#scan(undefined, 1);
    if (oldest === undefined) return [];
    const floor = this.#timeOf(oldest);
    const found: R[] = [];
    let end: RecordKey | undefined = beyond;
    /** Everything that is not read lies before this time. */
    let high = beyond === undefined ? LIMITS.latest + 1 : this.#timeOf(beyond) + 1;
    // What lies in the future was written by a clock that is ahead, and is most often nothing.
    const future = Math.max(high - now, 1);
    let width = beyond === undefined ? future : FIRST_WIDTH_MS;
    while (found.length < limit && high > floor) {
      const low = Math.max(high - width, floor);
      const piece = await this.#between(low, end, width === 1);
      if (piece === undefined) {
        width = Math.max(1, Math.floor(width / FACTOR));
        continue;
      }
      found.push(...piece.reverse());
      if (end === undefined && width === future) width = FIRST_WIDTH_MS;
      else if (piece.length < limit / FACTOR) width = Math.min(width * FACTOR, LIMITS.latest);
      high = low;
      end = this.#at(low);
    }
    return found.slice(0, limit);
  }

  /** The entries from a time up to an end; `undefined` if these are too many, unless they are of one millisecond. */
  async #between(low: number, end: RecordKey | undefined, isShortest: boolean): Promise<R[] | undefined> {
    const found: R[] = [];
    for (let after = this.#at(low); ; ) {
      const page = await this.#scan(after, this.#size);
      const inside = end === undefined ? page : page.filter((record) => isBefore(record, end));
      found.push(...inside);
      if (inside.length < this.#size) return found;
      if (!isShortest) return undefined;
      // Of one moment, only the last ones are wanted now.
      found.splice(0, found.length - this.#range.limit);
      const { identity, kind } = page.at(-1) as R;
      after = { identity, kind };
    }
  }

  /** Directly before the entries of a time. No entry has a kind that ends with the time. */
  #at(time: number): RecordKey {
    return { identity: this.#anyone, kind: this.#range.prefix + timeKey(time) };
  }

  /** An entry that is not where it belongs counts as one of the first time there is. */
  #timeOf({ kind }: Pick<RecordKey, "kind">): number {
    const { length } = this.#range.prefix;
    const time = Date.parse(kind.slice(length, length + TIME_LENGTH));
    return Number.isNaN(time) ? LIMITS.earliest : time;
  }
}

function isBefore(a: RecordKey, b: RecordKey): boolean {
  return (compareText(a.kind, b.kind) || compareText(a.identity.user, b.identity.user)) < 0;
}
