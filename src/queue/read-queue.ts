import type { CallLimit, Driver, Slot, StoredRecord } from "../contract/driver.js";
import { isStateError } from "../contract/errors.js";
import { type BatchFields, emitBatch } from "../diagnostics/diagnostics.js";
import { type CallTime, limitOf, type ReadDepth, readWaitedTooLongError } from "../timing/call-time.js";
import { queueMicrotask } from "../timing/real-timers.js";
import type { EventLoopYield } from "../timing/yield-to-event-loop.js";
import { callDriver, driverError } from "./call-driver.js";
import { TenantQueues } from "./tenant-queues.js";
import { type TimedWaiter, WaitLimit } from "./wait-limit.js";

/** How many slots one read may ask for: at first, and when it is known that they bring little. */
const FIRST_SLOTS = 16;
const MOST_SLOTS = 128;
/** About how many bytes of payload one read is meant to bring, as far as the last ones tell. */
const BYTES = 8 * 1024 * 1024;

/** What a slot costs: a tenant may ask for 16 in its turn. */
const WEIGHT = 1024;

interface Waiting extends TimedWaiter {
  readonly slot: Slot;
  readonly resolve: (record: StoredRecord | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads of single slots, which share one question to the driver when they are made at the same moment or while others
 * are under way, tenants in turn. Each is asked after it was made, and so sees all that was acknowledged before.
 */
export class ReadQueue {
  readonly #driver: Pick<Driver, "name" | "read">;
  readonly #eventLoop: EventLoopYield;
  readonly #inFlight: number;
  readonly #waiting = new TenantQueues<Waiting>();
  readonly #limit = new WaitLimit(this.#waiting, (one) =>
    one.reject(readWaitedTooLongError(one.time, this.depth)),
  );
  #running = 0;
  /** How many slots the questions under way ask for. */
  #asked = 0;
  #scheduled = false;
  /** How many slots the next read may ask for. */
  #most = FIRST_SLOTS;
  /** Why nothing more is asked. */
  #stopped: unknown;
  readonly #idle: (() => void)[] = [];

  constructor(driver: Pick<Driver, "name" | "read">, turns: EventLoopYield, inFlight: number) {
    this.#driver = driver;
    this.#eventLoop = turns;
    this.#inFlight = inFlight;
  }

  /** How many slots wait to be asked for, and how many are. */
  get depth(): ReadDepth {
    return { waiting: this.#waiting.size, underWay: this.#asked };
  }

  read(slot: Slot, time: CallTime): Promise<StoredRecord | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.add({ tenant: slot.tenant, weight: WEIGHT, isGone: false, time, slot, resolve, reject });
      this.#limit.watch();
      this.#wake();
    });
  }

  /** Asks nothing more: rejects what was not asked yet. */
  stop(error: unknown): void {
    this.#stopped = error;
    this.#rejectWaiting(error);
  }

  #rejectWaiting(error: unknown): void {
    for (const { reject } of this.#waiting.clear()) reject(error);
  }

  /** Resolves when nothing waits and nothing is under way. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #isIdle(): boolean {
    return this.#running === 0 && this.#waiting.size === 0;
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Soon enough for a reader that is alone, late enough for all whom one answer set going.
    queueMicrotask(() => {
      const pause = this.#waiting.size > 0 ? this.#eventLoop.pause() : undefined;
      if (pause === undefined) this.#pump();
      else void pause.then(() => this.#pump());
    });
  }

  #pump(): void {
    this.#scheduled = false;
    while (this.#running < this.#inFlight && this.#waiting.size > 0) void this.#run(this.#next());
    if (this.#isIdle()) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #next(): readonly Waiting[] {
    let count = 0;
    return this.#waiting.take(() => (count++ < this.#most ? "take" : "stop"));
  }

  async #run(asked: readonly Waiting[]): Promise<void> {
    this.#running++;
    this.#asked += asked.length;
    try {
      await this.#ask(asked);
    } catch (error) {
      if (asked.length > 1 && mayBeOnesFault(error)) await this.#askOneByOne(asked);
      else this.#fail(asked, error);
    }
    this.#running--;
    this.#asked -= asked.length;
    this.#wake();
  }

  async #ask(asked: readonly Waiting[]): Promise<void> {
    const slots = asked.map(({ slot }) => slot);
    // As long as any of them has time: who has less left does not wait for the answer.
    const limit = limitOf(Math.max(...asked.map(({ time }) => time.deadline)));
    const records = await emitBatch(
      () => this.#describe(slots.length),
      (fields) => this.#read(slots, limit, fields),
    );
    for (let index = 0; index < asked.length; index++) asked[index]?.resolve(records[index]);
    const bytes = 1 + payloadOf(records);
    const most = Math.floor((BYTES / bytes) * slots.length);
    this.#most = Math.max(1, Math.min(most, this.#most * 2, MOST_SLOTS));
  }

  async #read(
    slots: readonly Slot[],
    limit: CallLimit,
    fields: BatchFields | undefined,
  ): Promise<readonly (StoredRecord | undefined)[]> {
    const records = await callDriver(
      async () => listed(await this.#driver.read(slots, limit)),
      "the driver failed to read",
    );
    if (slots.length > 1 && records.length !== slots.length) {
      throw driverError("the driver did not answer for every slot");
    }
    if (fields) fields.bytes = payloadOf(records);
    return records;
  }

  #describe(size: number): BatchFields {
    return {
      operation: "read",
      driver: this.#driver.name,
      size,
      bytes: 0,
      waiting: this.#waiting.size,
      waitingBytes: 0,
    };
  }

  /** A record that cannot be read shall not keep others from being read. */
  async #askOneByOne(asked: readonly Waiting[]): Promise<void> {
    this.#most = Math.max(1, this.#most >> 1);
    for (const [index, one] of asked.entries()) {
      if (this.#stopped !== undefined) return this.#fail(asked.slice(index), this.#stopped);
      try {
        await this.#ask([one]);
      } catch (error) {
        if (!mayBeOnesFault(error)) return this.#fail(asked.slice(index), error);
        one.reject(error);
      }
    }
  }

  /** Whoever waits would only meet the same, and has waited as long. */
  #fail(asked: readonly Waiting[], error: unknown): void {
    for (const { reject } of asked) reject(error);
    if (!mayBeOnesFault(error)) this.#rejectWaiting(error);
  }
}

function payloadOf(records: readonly (StoredRecord | undefined)[]): number {
  let bytes = 0;
  for (const record of records) bytes += record?.bytes?.byteLength ?? 0;
  return bytes;
}

function listed<T>(records: readonly T[]): readonly T[] {
  if (!Array.isArray(records)) throw new TypeError("a read must have records");
  return records;
}

function mayBeOnesFault(error: unknown): boolean {
  return !isStateError(error, "UNAVAILABLE") || error.details?.reason === "refused";
}
