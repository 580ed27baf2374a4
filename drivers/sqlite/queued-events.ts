import { type EventKey, KEY_BYTES } from "./event-key.js";

/** An event in the expiry queue. */
export interface QueuedEvent {
  readonly key: EventKey;
  /** The tenant's number. */
  readonly tenant: number;
}

/** The length that stands for a key of 16 bytes; any other is that of a text, which has at least one byte. */
const BYTES_KEY = 0;

/**
 * Several events in one value: of each the tenant's number (LEB128), the length of its key and the key. A row of its own
 * for each event would take twice the space.
 */
export function packEvent({ key, tenant }: QueuedEvent): Buffer {
  const isText = typeof key === "string";
  const bytes = isText ? Buffer.from(key) : key;
  const head: number[] = [];
  let left = tenant;
  for (; left > 127; left = Math.floor(left / 128)) head.push((left % 128) | 128);
  head.push(left, isText ? bytes.length : BYTES_KEY);
  const packed = Buffer.allocUnsafe(head.length + bytes.length);
  packed.set(head);
  packed.set(bytes, head.length);
  return packed;
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
