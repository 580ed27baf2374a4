import { askDriver, failedDriver } from "./ask-driver.js";
import type { Driver, Slot, StoredRecord } from "./driver.js";
import { isStateError } from "./errors.js";

/** How many reads may be under way at once. */
const IN_FLIGHT = 2;
/** How many slots one read may ask for. */
const MOST_SLOTS = 128;
/** About how many bytes of payload one read is meant to bring. */
const BYTES = 8 * 1024 * 1024;

interface Waiting {
  readonly slot: Slot;
  readonly resolve: (record: StoredRecord | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads of single slots, which share one question to the driver when they are made at the same moment or while others
 * are under way. Each is asked after it was made, and so sees all that was acknowledged before.
 */
export class ReadQueue {
  readonly #driver: Pick<Driver, "read">;
  #waiting: Waiting[] = [];
  #running = 0;
  #scheduled = false;
  /** As many slots as would have brought BYTES the last time. */
  #most = MOST_SLOTS;
  readonly #idle: (() => void)[] = [];

  constructor(driver: Pick<Driver, "read">) {
    this.#driver = driver;
  }

  read(slot: Slot): Promise<StoredRecord | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ slot, resolve, reject });
      this.#wake();
    });
  }

  /** Rejects what was not asked yet. */
  abandon(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** Resolves when nothing waits and nothing is under way. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #isIdle(): boolean {
    return this.#running === 0 && this.#waiting.length === 0;
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Soon enough for a reader that is alone, late enough for all whom one answer set going.
    queueMicrotask(() => {
      this.#scheduled = false;
      while (this.#running < IN_FLIGHT && this.#waiting.length > 0) void this.#run(this.#next());
      if (this.#isIdle()) for (const resolve of this.#idle.splice(0)) resolve();
    });
  }

  #next(): readonly Waiting[] {
    if (this.#waiting.length > this.#most) return this.#waiting.splice(0, this.#most);
    const all = this.#waiting;
    this.#waiting = [];
    return all;
  }

  async #run(asked: readonly Waiting[]): Promise<void> {
    this.#running++;
    try {
      await this.#ask(asked);
    } catch (error) {
      if (asked.length > 1 && mayBeOnesFault(error)) await this.#askOneByOne(asked);
      else for (const { reject } of asked) reject(error);
    }
    this.#running--;
    this.#wake();
  }

  async #ask(asked: readonly Waiting[]): Promise<void> {
    const slots = asked.map(({ slot }) => slot);
    const records = await askDriver(() => this.#driver.read(slots), "the driver failed to read");
    if (slots.length > 1 && records.length !== slots.length)
      throw failedDriver("the driver did not answer for every slot");
    let bytes = 1;
    for (let index = 0; index < asked.length; index++) {
      const record = records[index];
      bytes += record?.bytes?.byteLength ?? 0;
      asked[index]?.resolve(record);
    }
    this.#most = Math.max(1, Math.min(MOST_SLOTS, Math.floor((BYTES / bytes) * slots.length)));
  }

  /** A record that cannot be read shall not keep others from being read. */
  async #askOneByOne(asked: readonly Waiting[]): Promise<void> {
    for (const one of asked) await this.#ask([one]).catch(one.reject);
  }
}

function mayBeOnesFault(error: unknown): boolean {
  return !isStateError(error, "UNAVAILABLE") || error.details?.reason === "refused";
}
