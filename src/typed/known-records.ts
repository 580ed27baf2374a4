import type { SeenRecord } from "./cell.js";

const MAX_KNOWN = 512;
const MAX_BYTES = 32 * 1024;

/**
 * What this process wrote last to records that it is at work on, some that change together by one key: its next change need
 * not read them first, because its commit depends on them anyway. They are used once, so a change that was overtaken reads.
 * Bounded in number and in bytes.
 */
export class KnownRecords<K = readonly SeenRecord[]> {
  readonly #bytesOf: (known: K) => number;
  readonly #known = new Map<string, K>();

  constructor(bytesOf: (known: K) => number) {
    this.#bytesOf = bytesOf;
  }

  take(key: string): K | undefined {
    const known = this.#known.get(key);
    this.#known.delete(key);
    return known;
  }

  put(key: string, known: K): void {
    this.#known.delete(key);
    if (this.#bytesOf(known) > MAX_BYTES) return;
    this.#known.set(key, known);
    if (this.#known.size <= MAX_KNOWN) return;
    const [oldest] = this.#known.keys();
    this.#known.delete(oldest as string);
  }
}

/** The bytes of the payloads. */
export function payloadBytesOf(records: readonly SeenRecord[]): number {
  return records.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
