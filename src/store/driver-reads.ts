import type { CallLimit, Driver, ScanPage, Session, Slot, StoredRecord } from "../contract/driver.js";
import { StateError } from "../contract/errors.js";
import type { EventId, StateRecord } from "../contract/store.js";
import { type BatchFields, emitBatch } from "../diagnostics/diagnostics.js";
import { callDriver, driverError } from "../queue/call-driver.js";
import { ReadQueue } from "../queue/read-queue.js";
import { ReadSlots } from "../queue/read-slots.js";
import { compareByIdentity, compareByKind } from "../rules/order.js";
import { type CallTimes, limitOf, type ReadDepth, raceDeadline } from "../timing/call-time.js";
import { raceAbort } from "../timing/cancellation.js";
import { atOnce, inSlices, type Steps } from "../timing/in-slices.js";
import type { EventLoopYield } from "../timing/yield-to-event-loop.js";
import type { Range } from "../validation/ranges.js";
import { isLongPage, openPageSteps, openSteps } from "./open-record.js";

export interface PageSize {
  readonly records: number;
  readonly bytes: number;
}

/** `listKind` reads a result of unknown length in pages of this size. */
export const PAGE: PageSize = { records: 500, bytes: 8 * 1024 * 1024 };

/** `list` promises one snapshot, so it asks for everything in one page. */
export const UNBOUNDED: PageSize = { records: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };

const READS_IN_FLIGHT = 8;

/** How the driver may be called. */
export interface ReadLimits {
  /** How many calls may run at once, half of them for single slots. Default 8. */
  readonly inFlight?: number | undefined;
  /** Each call is of one tenant. Default false. */
  readonly oneTenant?: boolean;
}

/** The reads of one store. A caller may abandon a read at any time; `close` still waits for it. */
export class DriverReads {
  readonly #driver: Driver;
  readonly #times: CallTimes;
  readonly #eventLoop: EventLoopYield;
  readonly #oneTenant: boolean;
  readonly #slotReads: ReadQueue;
  readonly #otherReads: ReadSlots;
  readonly #underWay = new Set<Promise<unknown>>();
  /** Aborts when `close` no longer waits for the driver's answers. */
  readonly #abandoned = new AbortController();
  #stopped = false;

  constructor(
    driver: Driver,
    times: CallTimes,
    eventLoop: EventLoopYield,
    { inFlight = READS_IN_FLIGHT, oneTenant = false }: ReadLimits = {},
  ) {
    this.#driver = driver;
    this.#times = times;
    this.#eventLoop = eventLoop;
    const total = Math.max(2, inFlight);
    this.#oneTenant = oneTenant;
    this.#slotReads = new ReadQueue(driver, this.#eventLoop, total >> 1, oneTenant);
    this.#otherReads = new ReadSlots(total - (total >> 1));
  }

  readSlot(slot: Slot, signal: AbortSignal | undefined): Promise<StoredRecord | undefined> {
    this.#throwIfStopped(signal);
    const time = this.#times.begin();
    const answer = raceDeadline(time, this.#slotReads.read(slot, time));
    return raceAbort(answer, signal);
  }

  readByEventId(
    session: Session,
    eventId: string,
    signal: AbortSignal | undefined,
  ): Promise<StoredRecord | undefined> {
    const ask = (limit: CallLimit) => this.#driver.readByEventId(session, eventId, limit);
    return this.#read(session.tenant, ask, signal);
  }

  /** The current event of each slot, in order: for watches, from the driver's `read` if it has nothing cheaper. */
  async readEventIds(slots: readonly Slot[]): Promise<readonly (EventId | undefined)[]> {
    if (!this.#oneTenant) return this.#readEventIds(slots, "");
    const tenants = [...new Set(slots.map(({ tenant }) => tenant))];
    const answers = await Promise.all(
      tenants.map(async (tenant) => {
        const own = slots.filter((slot) => slot.tenant === tenant);
        return [tenant, (await this.#readEventIds(own, tenant)).values()] as const;
      }),
    );
    const next = new Map(answers);
    return slots.map(({ tenant }) => next.get(tenant)?.next().value);
  }

  #readEventIds(slots: readonly Slot[], tenant: string): Promise<readonly (EventId | undefined)[]> {
    const ask = async (limit: CallLimit) => {
      const found = this.#driver.readEventIds
        ? await this.#driver.readEventIds(slots, limit)
        : (await this.#driver.read(slots, limit)).map((record) => record?.eventId);
      if (!Array.isArray(found) || found.length !== slots.length)
        throw driverError("the driver did not answer for every slot");
      return found;
    };
    const { depth } = this.#slotReads;
    const describe = (): BatchFields => ({
      operation: "watch",
      driver: this.#driver.name,
      size: slots.length,
      bytes: 0,
      waiting: depth.waiting,
      waitingBytes: 0,
    });
    return this.#read(tenant, (limit) => emitBatch(describe, () => ask(limit)), undefined);
  }

  /** The driver's change counter; `undefined` if it has none. */
  get changeCounter(): (() => Promise<string | number>) | undefined {
    const { changeCounter } = this.#driver;
    if (changeCounter === undefined) return undefined;
    return () => this.#read("", (limit) => changeCounter.call(this.#driver, limit), undefined);
  }

  /** Reads every matching record, one page after another. */
  scan(range: Range, page: PageSize, signal: AbortSignal | undefined): Promise<StateRecord[]> {
    return this.#track(this.#scan(range, page, signal));
  }

  /** How many reads wait in the store, and how many the driver has not answered yet. */
  get depth(): ReadDepth {
    const [slots, others] = [this.#slotReads.depth, this.#otherReads.depth];
    return { waiting: slots.waiting + others.waiting, underWay: slots.underWay + others.underWay };
  }

  /** Resolves when no read is under way. */
  async finished(): Promise<void> {
    await this.#slotReads.idle();
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /** Rejects, with STORE_CLOSED, every read that the driver has not answered. */
  abandon(): void {
    this.stop();
    this.#slotReads.abandon(storeClosed());
    this.#abandoned.abort(storeClosed());
  }

  /** Stops calling the driver: a scan that is under way rejects with STORE_CLOSED. */
  stop(): void {
    this.#stopped = true;
    this.#slotReads.stop(storeClosed());
    this.#otherReads.rejectWaiting(storeClosed());
  }

  async #scan(range: Range, page: PageSize, signal: AbortSignal | undefined): Promise<StateRecord[]> {
    const { limit: wanted = Number.POSITIVE_INFINITY, ...rest } = range;
    const expected = range.identity ?? { tenant: range.tenant };
    const found: StateRecord[] = [];
    /** What is left to scan: every record, and every `next` of a page, narrows it. */
    const left: { -readonly [K in keyof typeof rest]: (typeof rest)[K] } = { ...rest };
    const isNext = (record: Slot) => isInRange(record, left);
    while (found.length < wanted) {
      const maxRecords = wanted === Number.POSITIVE_INFINITY ? page.records : wanted - found.length;
      const ask = { ...left, limit: maxRecords, maxBytes: page.bytes };
      const { records, more, next } = await this.#read(
        range.tenant ?? "",
        async (limit) =>
          requireRecords(await this.#driver.scan(ask, { ...limit, ...(signal && { signal }) })),
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
        if (!isProgress(next, left)) throw driverError("the driver's `next` does not move the scan forward");
        if (rest.reverse) left.before = next;
        else left.after = next;
      } else if (records.length === 0)
        throw driverError("the driver gave an empty page and said that there is more");
    }
    return found;
  }

  /** Reads under one deadline, unless the caller gives up first. Each page of a scan has a deadline of its own. */
  async #read<T>(
    tenant: string,
    ask: (limit: CallLimit) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    this.#throwIfStopped(signal);
    const time = this.#times.begin();
    const limit = limitOf(time.deadline);
    const afterYield = () =>
      this.#afterYield(() => callDriver(() => ask(limit), "the driver failed to read"));
    const read = this.#track(this.#otherReads.run(tenant, afterYield, signal, time));
    const answer = raceDeadline(time, read);
    return raceAbort(raceAbort(answer, signal), this.#abandoned.signal);
  }

  async #afterYield<T>(ask: () => Promise<T>): Promise<T> {
    const pause = this.#eventLoop.pause();
    if (pause !== undefined) await pause;
    this.#throwIfStopped(undefined);
    return ask();
  }

  #throwIfStopped(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (this.#stopped) throw storeClosed();
  }

  /** Makes `finished` wait for this read, even if its caller gives up. */
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

/** Whether a record matches, and lies beyond all records before it: otherwise a scan could go on for ever. */
function isInRange(record: Slot, range: Range): boolean {
  return record.kind.startsWith(range.prefix) && isBetween(record, range);
}

function isBetween(slot: Slot, { identity, after, before }: Range): boolean {
  const compare = identity ? compareByIdentity : compareByKind;
  return (
    (after === undefined || compare(slot, after) > 0) && (before === undefined || compare(slot, before) < 0)
  );
}

/** Whether a scan that continues from `next` makes progress. */
function isProgress(next: Slot, range: Range): boolean {
  const names = [next?.tenant, next?.user, next?.session, next?.run, next?.kind];
  return names.every((name) => typeof name === "string") && isBetween(next, range);
}

function requireRecords(page: ScanPage): ScanPage {
  if (!Array.isArray(page.records)) throw new TypeError("a page must have an array of records");
  return page;
}
