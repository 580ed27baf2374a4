import { describeType, shapeOf } from "../contract/describe-type.js";
import type { CountQuery, Driver, ScanPage, Slot, StoredRecord } from "../contract/driver.js";
import type { RecordHeader, StateRecord } from "../contract/store.js";
import { driverError } from "../queue/call-driver.js";
import { compareByIdentity, compareByKind } from "../rules/order.js";
import { atOnce, inSlices, type Steps } from "../timing/in-slices.js";
import type { Range } from "../validation/ranges.js";
import type { Expected } from "./damage-of.js";
import type { DriverReads } from "./driver-reads.js";
import { headerSteps, isLongPage, openPageSteps, openSteps } from "./open-record.js";

export interface PageSize {
  readonly records: number;
  readonly bytes: number;
}

/** `listKind` reads a result of unknown length in pages of this size. */
export const PAGE: PageSize = { records: 500, bytes: 8 * 1024 * 1024 };

/** `list` promises one snapshot, so it asks for everything in one page. */
export const UNBOUNDED: PageSize = { records: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };

type Signal = AbortSignal | undefined;

/** Reads records in their order, one page after another. Each page has a deadline of its own. */
export class RecordScans {
  readonly #driver: Driver;
  readonly #reads: DriverReads;

  constructor(driver: Driver, reads: DriverReads) {
    this.#driver = driver;
    this.#reads = reads;
  }

  /** Every matching record, whole. */
  records(range: Range, page: PageSize, signal: Signal): Promise<StateRecord[]> {
    const { returnsUnsharedBytes } = this.#driver;
    return this.#reads.track(
      this.#scan(range, page, signal, (record, expected, isNext) =>
        openSteps(record, expected, returnsUnsharedBytes, isNext),
      ),
    );
  }

  /** Every matching record, without its payload. */
  headers(range: Range, page: PageSize, signal: Signal): Promise<RecordHeader[]> {
    return this.#reads.track(this.#scan({ ...range, bytes: false }, page, signal, headerSteps));
  }

  /** The number of records of one identity that match. */
  async count(
    range: Omit<CountQuery, "limit"> & { readonly limit?: number },
    signal: Signal,
  ): Promise<number> {
    const { limit = Number.MAX_SAFE_INTEGER } = range;
    if (this.#driver.count === undefined)
      return (
        await this.headers({ ...range, tenant: range.identity.tenant, reverse: false }, UNBOUNDED, signal)
      ).length;
    const count = await this.#reads.read(
      range.identity.tenant,
      (until) =>
        (this.#driver as Required<Driver>).count(
          { ...range, limit },
          { ...until, ...(signal && { signal }) },
        ),
      signal,
    );
    if (Number.isSafeInteger(count) && count >= 0 && count <= limit) return count;
    throw driverError(
      `the driver's count is not a number of records, or above the limit: ${describeType(count)} came`,
    );
  }

  async #scan<T>(range: Range, page: PageSize, signal: Signal, open: Open<T>): Promise<T[]> {
    const { limit: wanted = Number.POSITIVE_INFINITY, ...rest } = range;
    const expected = range.identity ?? { tenant: range.tenant };
    const found: T[] = [];
    /** What is left to scan: every record, and every `next` of a page, narrows it. */
    const left: { -readonly [K in keyof typeof rest]: (typeof rest)[K] } = { ...rest };
    const isNext = (record: Slot) => isInRange(record, left);
    const openNext = function* (record: StoredRecord): Steps<void> {
      found.push(yield* open(record, expected, isNext));
      if (rest.reverse) left.before = record;
      else left.after = record;
    };
    while (found.length < wanted) {
      const maxRecords = wanted === Number.POSITIVE_INFINITY ? page.records : wanted - found.length;
      const ask = { ...left, limit: maxRecords, maxBytes: page.bytes };
      const { records, more, next } = await this.#reads.read(
        range.tenant ?? "",
        async (limit) =>
          requireRecords(await this.#driver.scan(ask, { ...limit, ...(signal && { signal }) })),
        signal,
      );
      const steps = openPageSteps(records, openNext);
      if (isLongPage(records)) await inSlices(steps);
      else atOnce(steps);
      if (!more) break;
      if (next !== undefined) {
        if (!isProgress(next, left)) throw driverError("the driver's `next` does not move the scan forward");
        if (rest.reverse) left.before = next;
        else left.after = next;
      } else if (records.length === 0)
        throw driverError("the driver gave an empty page and said that there is more");
    }
    return found;
  }
}

type Open<T> = (record: StoredRecord, expected: Expected, isNext: (at: Slot) => boolean) => Steps<T>;

/** Whether a record matches, and lies beyond all records before it: otherwise a scan could go on for ever. */
function isInRange(record: Slot, range: Range): boolean {
  return record.kind.startsWith(range.prefix) && isBetween(record, range);
}

function isBetween(slot: Slot, { identity, from, after, before }: Range): boolean {
  const compare = identity ? compareByIdentity : compareByKind;
  return (
    (from === undefined || compare(slot, from) >= 0) &&
    (after === undefined || compare(slot, after) > 0) &&
    (before === undefined || compare(slot, before) < 0)
  );
}

/** Whether a scan that continues from `next` makes progress. */
function isProgress(next: Slot, range: Range): boolean {
  const names = [next?.tenant, next?.user, next?.session, next?.run, next?.kind];
  return names.every((name) => typeof name === "string") && isBetween(next, range);
}

function requireRecords(page: ScanPage): ScanPage {
  if (Array.isArray(page?.records)) return page;
  const what = `whose records are ${describeType(page?.records)}`;
  throw new TypeError(
    `a scan must resolve with { records, more }, records an array: ${shapeOf(page, what)} came`,
  );
}
