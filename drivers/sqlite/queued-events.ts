import { type EventKey, KEY_BYTES } from "./event-key.js";

/** An event in the expiry queue. */
export interface QueuedEvent {
  readonly key: EventKey;
  /** The tenant's number. */
  readonly tenant: number;
}

/** The length that stands for a key of 16 bytes; any other is that of a text, which has at least one byte. */
const BYTES_KEY = 0;

/** The most that one event takes: a number of 53 bits, a length and a text of 255 bytes, of which damage may make three times as many. */
const MAX_EVENT_BYTES = 8 + 1 + 3 * 255;
const INITIAL_BYTES = 2048;

/**
 * Packs events for values that hold several: of each the tenant's number (LEB128), the length of its key and the key. A row
 * of its own for each event would take twice the space.
 */
export class PackedEvents {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  /** Where each event ends. */
  readonly #ends: number[] = [];
  #end = 0;

  get count(): number {
    return this.#ends.length;
  }

  /** Copies the key. */
  add({ key, tenant }: QueuedEvent): void {
    if (this.#bytes.length - this.#end < MAX_EVENT_BYTES) this.#grow();
    const bytes = this.#bytes;
    let at = this.#end;
    let left = tenant;
    for (; left > 127; left = Math.floor(left / 128)) bytes[at++] = (left % 128) | 128;
    bytes[at++] = left;
    if (typeof key === "string") {
      const length = bytes.write(key, at + 1);
      bytes[at] = length;
      at += 1 + length;
    } else {
      bytes[at++] = BYTES_KEY;
      bytes.set(key, at);
      at += key.length;
    }
    this.#end = at;
    this.#ends.push(at);
  }

  /** How many of the events from `first` on fit into so many bytes. */
  fitting(first: number, room: number): number {
    const start = this.#startOf(first);
    let count = 0;
    while (first + count < this.count && this.#startOf(first + count + 1) - start <= room) count++;
    return count;
  }

  /** Some of the events as one value, which is good until more are added. */
  slice(first: number, count: number): Buffer {
    return this.#bytes.subarray(this.#startOf(first), this.#startOf(first + count));
  }

  #startOf(index: number): number {
    return index === 0 ? 0 : (this.#ends[index - 1] as number);
  }

  #grow(): void {
    const bytes = Buffer.allocUnsafe(2 * this.#bytes.length);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}

/** Takes the events out of such a value one by one. Ends early where the value is damaged. */
export class QueuedEvents {
  readonly #packed: Buffer;
  #at = 0;

  constructor(packed: unknown) {
    this.#packed = packed instanceof Uint8Array ? Buffer.from(packed) : Buffer.alloc(0);
  }

  /** The events that were not taken yet, packed. */
  get rest(): Buffer {
    return this.#packed.subarray(this.#at);
  }

  take(): QueuedEvent | undefined {
    let at = this.#at;
    let tenant = 0;
    let factor = 1;
    let byte: number | undefined;
    do {
      byte = this.#packed[at++];
      tenant += ((byte ?? 0) & 127) * factor;
      factor *= 128;
    } while (byte !== undefined && byte > 127);
    const length = this.#packed[at++];
    if (length === undefined || tenant > Number.MAX_SAFE_INTEGER) return undefined;
    const end = at + (length === BYTES_KEY ? KEY_BYTES : length);
    if (end > this.#packed.length) return undefined;
    this.#at = end;
    const key = this.#packed.subarray(at, end);
    return { key: length === BYTES_KEY ? key : key.toString(), tenant };
  }
}
