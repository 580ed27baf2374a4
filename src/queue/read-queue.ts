import { describeType } from "../contract/describe-type.js";
import type { CallLimit, Driver, Slot, StoredRecord } from "../contract/driver.js";
import { isStateError } from "../contract/errors.js";
import { type BatchFields, emitBatch } from "../diagnostics/diagnostics.js";
import { type CallTime, limitOf, type ReadDepth, readWaitedTooLongError } from "../timing/call-time.js";
import { queueMicrotask } from "../timing/real-timers.js";
import type { EventLoopYield } from "../timing/yield-to-event-loop.js";
import { asDriverError, driverError } from "./call-driver.js";
import { TenantQueues } from "./tenant-queues.js";
import { type TimedWaiter, WaitLimit } from "./wait-limit.js";

/** How many slots one driver call reads: at first, and at most, once records have proved to be small. */
const INITIAL_SLOTS = 16;
const MAX_SLOTS = 128;
/** About how many payload bytes one driver call should return, going by the sizes of the last ones. */
const TARGET_BYTES = 8 * 1024 * 1024;

/** The cost of one slot in round robin: a tenant gets 16 slots per round. */
const SLOT_WEIGHT = 1024;

/** Of an error that is no StateError. */
const FAILED = "the driver failed to read";

type ReadDriver = Pick<Driver, "name" | "read">;

interface SlotRead extends TimedWaiter {
  readonly slot: Slot;
  readonly resolve: (record: StoredRecord | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Batches reads of single slots. Reads that are made at the same moment, or while earlier ones are under way, share one
 * driver call; tenants are served in round robin. The driver call starts after the read was made, so it sees every write
 * that was acknowledged before.
 */
export class ReadQueue {
  readonly #driver: ReadDriver;
  readonly #eventLoop: EventLoopYield;
  readonly #inFlight: number;
  readonly #waiting: TenantQueues<SlotRead>;
  readonly #limit: WaitLimit<SlotRead>;
  #scheduled = false;
  /** How many slots the next driver call may ask for. */
  #maxSlots = INITIAL_SLOTS;
  /** How many slots the last driver call asked for. */
  #lastSize = 0;
  /** Set by `stop`: the error for reads that were not sent. */
  #stopped: unknown;
  readonly #idle: (() => void)[] = [];
  /** What each driver call under way was asked for. */
  readonly #underWay = new Set<readonly SlotRead[]>();

  constructor(driver: ReadDriver, eventLoop: EventLoopYield, inFlight: number, oneTenant = false) {
    this.#driver = driver;
    this.#waiting = new TenantQueues(oneTenant ? { oneTenant, quantum: MAX_SLOTS * SLOT_WEIGHT } : {});
    this.#limit = new WaitLimit(this.#waiting, (read) =>
      read.reject(readWaitedTooLongError(read.time, this.depth)),
    );
    this.#eventLoop = eventLoop;
    this.#inFlight = inFlight;
  }

  /** How many slots wait, and how many the driver has not answered yet. */
  get depth(): ReadDepth {
    let underWay = 0;
    for (const reads of this.#underWay) underWay += reads.length;
    return { waiting: this.#waiting.size, underWay };
  }

  read(slot: Slot, time: CallTime): Promise<StoredRecord | undefined> {
    return new Promise((resolve, reject) => {
      const { tenant } = slot;
      const read = { tenant, weight: SLOT_WEIGHT, isSettled: false, time, slot, resolve, reject };
      if (this.#isLone() && this.#eventLoop.pause() === undefined) {
        void this.#run([read]);
        return;
      }
      this.#waiting.add(read);
      this.#limit.watch();
      this.#wake();
    });
  }

  /** No other read is near, to go by the last driver call as well: to wait for others would only delay this one. */
  #isLone(): boolean {
    return this.#lastSize === 1 && this.#isIdle() && !this.#scheduled;
  }

  /** Stops calling the driver, and rejects the reads that were not sent yet. */
  stop(error: unknown): void {
    this.#stopped = error;
    this.#rejectWaiting(error);
  }

  /** Rejects the reads that the driver has not answered. */
  abandon(error: unknown): void {
    for (const reads of this.#underWay) for (const { reject } of reads) reject(error);
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
    return this.#underWay.size === 0 && this.#waiting.size === 0;
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // A microtask is soon enough for a lone read, and late enough to batch all reads that one answer has set going.
    queueMicrotask(() => {
      const pause = this.#waiting.size > 0 ? this.#eventLoop.pause() : undefined;
      if (pause === undefined) this.#pump();
      else void pause.then(() => this.#pump());
    });
  }

  #pump(): void {
    this.#scheduled = false;
    while (this.#underWay.size < this.#inFlight && this.#waiting.size > 0) void this.#run(this.#next());
    if (this.#isIdle()) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #next(): readonly SlotRead[] {
    let count = 0;
    return this.#waiting.take(() => (count++ < this.#maxSlots ? "take" : "stop"));
  }

  async #run(reads: readonly SlotRead[]): Promise<void> {
    for (const read of reads) this.#limit.sending(read);
    this.#underWay.add(reads);
    this.#lastSize = reads.length;
    try {
      this.#deliver(reads, await this.#ask(reads));
    } catch (thrown) {
      const error = asDriverError(thrown, FAILED);
      if (reads.length > 1 && mayConcernOneSlot(error)) await this.#readOneByOne(reads);
      else this.#fail(reads, error);
    }
    this.#underWay.delete(reads);
    if (this.#waiting.size > 0 || this.#idle.length > 0) this.#wake();
  }

  #ask(reads: readonly SlotRead[]): Promise<readonly (StoredRecord | undefined)[]> {
    const slots = reads.map(({ slot }) => slot);
    // The latest deadline: each read also has a timer of its own, and does not wait longer than that.
    let deadline = Number.NEGATIVE_INFINITY;
    for (const { time } of reads) deadline = Math.max(deadline, time.deadline);
    const limit = limitOf(deadline);
    return emitBatch(
      () => this.#describe(slots.length),
      (fields) => (fields ? this.#callObserved(slots, limit, fields) : this.#driver.read(slots, limit)),
    );
  }

  #deliver(reads: readonly SlotRead[], answer: readonly (StoredRecord | undefined)[]): void {
    const records = requireAll(answer, reads.length);
    for (const [index, { tenant, resolve }] of reads.entries()) {
      resolve(records[index]);
      this.#limit.noteAnswer(tenant);
    }
    const bytes = 1 + payloadOf(records);
    const fitting = Math.floor((TARGET_BYTES / bytes) * reads.length);
    this.#maxSlots = Math.max(1, Math.min(fitting, this.#maxSlots * 2, MAX_SLOTS));
  }

  /** Checks the answer and maps the error here, so that the event says how the call ended. */
  async #callObserved(
    slots: readonly Slot[],
    limit: CallLimit,
    fields: BatchFields,
  ): Promise<readonly (StoredRecord | undefined)[]> {
    try {
      const records = requireAll(await this.#driver.read(slots, limit), slots.length);
      fields.bytes = payloadOf(records);
      return records;
    } catch (error) {
      throw asDriverError(error, FAILED);
    }
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

  /** Reads the slots one at a time, so that one unreadable record does not fail the others. */
  async #readOneByOne(reads: readonly SlotRead[]): Promise<void> {
    this.#maxSlots = Math.max(1, this.#maxSlots >> 1);
    for (const [index, read] of reads.entries()) {
      if (this.#stopped !== undefined) return this.#fail(reads.slice(index), this.#stopped);
      try {
        this.#deliver([read], await this.#ask([read]));
      } catch (thrown) {
        const error = asDriverError(thrown, FAILED);
        if (!mayConcernOneSlot(error)) return this.#fail(reads.slice(index), error);
        read.reject(error);
      }
    }
  }

  /** If the error does not concern one slot, all waiting reads would fail with it too, so reject them now. */
  #fail(reads: readonly SlotRead[], error: unknown): void {
    for (const { reject } of reads) reject(error);
    if (!mayConcernOneSlot(error)) this.#rejectWaiting(error);
  }
}

function payloadOf(records: readonly (StoredRecord | undefined)[]): number {
  let bytes = 0;
  for (const record of records) bytes += record?.bytes?.byteLength ?? 0;
  return bytes;
}

function requireAll<T>(records: readonly T[], count: number): readonly T[] {
  if (!Array.isArray(records))
    throw new TypeError(`a read must resolve with an array of records: ${describeType(records)} came`);
  if (count > 1 && records.length !== count)
    throw driverError(`the driver did not answer for every slot: ${records.length} of ${count} answers came`);
  return records;
}

/** Whether a read of several slots may have failed because of one of them. */
export function mayConcernOneSlot(error: unknown): boolean {
  return !isStateError(error, "UNAVAILABLE") || error.details?.reason === "refused";
}
