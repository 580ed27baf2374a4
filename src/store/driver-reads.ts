import type { CallLimit, Driver, Session, Slot, StoredRecord } from "../contract/driver.js";
import { StateError } from "../contract/errors.js";
import type { EventId } from "../contract/store.js";
import { type BatchFields, emitBatch } from "../diagnostics/diagnostics.js";
import { callDriver, driverError } from "../queue/call-driver.js";
import { ReadQueue } from "../queue/read-queue.js";
import { ReadSlots } from "../queue/read-slots.js";
import { type CallTimes, limitOf, type ReadDepth, raceDeadline } from "../timing/call-time.js";
import { raceAbort } from "../timing/cancellation.js";
import type { EventLoopYield } from "../timing/yield-to-event-loop.js";

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
    return this.read(session.tenant, ask, signal);
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
    return this.read(tenant, (limit) => emitBatch(describe, () => ask(limit)), undefined);
  }

  /** The driver's change counter; `undefined` if it has none. */
  get changeCounter(): (() => Promise<string | number>) | undefined {
    const { changeCounter } = this.#driver;
    if (changeCounter === undefined) return undefined;
    return () => this.read("", (limit) => changeCounter.call(this.#driver, limit), undefined);
  }

  /** Makes `finished` wait for a result that takes several reads, even if its caller gives up. */
  track<T>(result: Promise<T>): Promise<T> {
    this.#underWay.add(result);
    const done = () => this.#underWay.delete(result);
    result.then(done, done);
    return result;
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

  /** Reads under one deadline, unless the caller gives up first. */
  async read<T>(
    tenant: string,
    ask: (limit: CallLimit) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    this.#throwIfStopped(signal);
    const time = this.#times.begin();
    const limit = limitOf(time.deadline);
    const afterYield = () =>
      this.#afterYield(() => callDriver(() => ask(limit), "the driver failed to read"));
    const read = this.track(this.#otherReads.run(tenant, afterYield, signal, time));
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
}

export function storeClosed(): StateError<"STORE_CLOSED"> {
  return new StateError("STORE_CLOSED", "the store is closed", { details: {} });
}
