import type { CallLimit, Driver, ScanPage, Session, Slot, StoredRecord } from "../contract/driver.js";
import { StateError } from "../contract/errors.js";
import type { StateRecord } from "../contract/store.js";
import { callDriver, driverError } from "../queue/call-driver.js";
import { ReadQueue } from "../queue/read-queue.js";
import { ReadSlots } from "../queue/read-slots.js";
import { compareByIdentity, compareByKind } from "../rules/order.js";
import { type CallTimes, limitOf, type ReadDepth, raceDeadline } from "../timing/call-time.js";
import { raceAbort } from "../timing/cancellation.js";
import { atOnce, inSlices, type Steps } from "../timing/in-slices.js";
import { EventLoopYield } from "../timing/yield-to-event-loop.js";
import type { Range } from "../validation/ranges.js";
import { isLongPage, openPageSteps, openSteps } from "./open-record.js";

export interface PageSize {
  readonly records: number;
  readonly bytes: number;
}

/** A result of unknown length is read in pages of this size. */
export const PAGE: PageSize = { records: 500, bytes: 8 * 1024 * 1024 };

/** One identity's list is one snapshot, so it is asked for whole. */
export const UNBOUNDED: PageSize = { records: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };

const READS_IN_FLIGHT = 8;

/** The reads of one store: each may be abandoned by its caller at any time, and `close` waits for all of them. */
export class DriverReads {
  readonly #driver: Driver;
  readonly #times: CallTimes;
  readonly #eventLoop = new EventLoopYield();
  readonly #slots: ReadQueue;
  readonly #others: ReadSlots;
  readonly #underWay = new Set<Promise<unknown>>();
  #stopped = false;

  /** At most `inFlight` of its questions are under way at once. */
  constructor(driver: Driver, times: CallTimes, inFlight = READS_IN_FLIGHT) {
    this.#driver = driver;
    this.#times = times;
    const most = Math.max(2, inFlight);
    this.#slots = new ReadQueue(driver, this.#eventLoop, most >> 1);
    this.#others = new ReadSlots(most - (most >> 1));
  }

  slot(slot: Slot, signal: AbortSignal | undefined): Promise<StoredRecord | undefined> {
    this.#refuse(signal);
    const time = this.#times.begin();
    const answer = raceDeadline(time, this.#slots.read(slot, time));
    return signal === undefined ? answer : raceAbort(answer, signal);
  }

  event(
    session: Session,
    eventId: string,
    signal: AbortSignal | undefined,
  ): Promise<StoredRecord | undefined> {
    const ask = (limit: CallLimit) => this.#driver.readByEventId(session, eventId, limit);
    return this.#read(session.tenant, ask, signal);
  }

  /** All that match, one page after another. */
  scan(range: Range, page: PageSize, signal: AbortSignal | undefined): Promise<StateRecord[]> {
    return this.#track(this.#scan(range, page, signal));
  }

  /** How many wait, and how many their driver has not answered. */
  get depth(): ReadDepth {
    const [slots, others] = [this.#slots.depth, this.#others.depth];
    return { waiting: slots.waiting + others.waiting, underWay: slots.underWay + others.underWay };
  }

  /** Resolves when no read is under way. */
  async finished(): Promise<void> {
    await this.#slots.idle();
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /** Asks nothing more of the driver: a scan that is under way ends with STORE_CLOSED. */
  stop(): void {
    this.#stopped = true;
    this.#slots.stop(storeClosed());
    this.#others.refuse(storeClosed());
  }

  async #scan(range: Range, page: PageSize, signal: AbortSignal | undefined): Promise<StateRecord[]> {
    const { limit: wanted = Number.POSITIVE_INFINITY, ...rest } = range;
    const expected = range.identity ?? { tenant: range.tenant };
    const found: StateRecord[] = [];
    /** Narrowed by every record, and by every place to go on from. */
    const left: { -readonly [K in keyof typeof rest]: (typeof rest)[K] } = { ...rest };
    const isNext = (record: Slot) => liesWithin(record, left);
    while (found.length < wanted) {
      const most = wanted === Number.POSITIVE_INFINITY ? page.records : wanted - found.length;
      const ask = { ...left, limit: most, maxBytes: page.bytes };
      const { records, more, next } = await this.#read(
        range.tenant ?? "",
        async (limit) =>
          requireWholePage(await this.#driver.scan(ask, { ...limit, ...(signal && { signal }) })),
        signal,
      );
      const { returnsUnsharedBytes } = this.#driver;
      const open = function* (record: StoredRecord): Steps<void> {
        found.push(yield* openSteps(record, expected, returnsUnsharedBytes, isNext));
        if (rest.reverse) left.before = record;
        else left.after = record;
      };
      const steps = openPageSteps(records, open);
      if (isLongPage(records)) await inSlices(steps);
      else atOnce(steps);
      if (!more) break;
      if (next !== undefined) {
        if (!isBeyond(next, left)) throw driverError("the driver gave no place beyond which a scan goes on");
        if (rest.reverse) left.before = next;
        else left.after = next;
      } else if (records.length === 0)
        throw driverError("the driver gave an empty page and said that there is more");
    }
    return found;
  }

  /** Reads, unless the caller gives up first. Each page of a scan is a call of its own. */
  async #read<T>(
    tenant: string,
    ask: (limit: CallLimit) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    this.#refuse(signal);
    const time = this.#times.begin();
    const limit = limitOf(time.deadline);
    const inTurn = () => this.#inTurn(() => callDriver(() => ask(limit), "the driver failed to read"));
    const read = this.#track(this.#others.run(tenant, inTurn, signal, time));
    const answer = raceDeadline(time, read);
    return signal === undefined ? answer : raceAbort(answer, signal);
  }

  async #inTurn<T>(ask: () => Promise<T>): Promise<T> {
    const pause = this.#eventLoop.pause();
    if (pause !== undefined) await pause;
    this.#refuse(undefined);
    return ask();
  }

  #refuse(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (this.#stopped) throw storeClosed();
  }

  /** Has `finished` wait for a read, also for one whose caller has given up. */
  #track<T>(read: Promise<T>): Promise<T> {
    this.#underWay.add(read);
    const done = () => this.#underWay.delete(read);
    read.then(done, done);
    return read;
  }
}

export function storeClosed(): StateError<"STORE_CLOSED"> {
  return new StateError("STORE_CLOSED", "the store is closed", { details: {} });
}

/** Whether a record is what was asked for, beyond all that came before it: otherwise a scan could go on for ever. */
function liesWithin(record: Slot, range: Range): boolean {
  return record.kind.startsWith(range.prefix) && isBetween(record, range);
}

function isBetween(place: Slot, { identity, after, before }: Range): boolean {
  const compare = identity ? compareByIdentity : compareByKind;
  return (
    (after === undefined || compare(place, after) > 0) && (before === undefined || compare(place, before) < 0)
  );
}

/** Whether a scan that goes on from here gets on. */
function isBeyond(next: Slot, range: Range): boolean {
  const names = [next?.tenant, next?.user, next?.session, next?.run, next?.kind];
  return names.every((name) => typeof name === "string") && isBetween(next, range);
}

/** A page that has all its parts. */
function requireWholePage(page: ScanPage): ScanPage {
  if (!Array.isArray(page.records)) throw new TypeError("a page must have records");
  return page;
}
