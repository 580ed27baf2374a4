import type { SeenRecord } from "../typed/cell.js";

/** Both records of one that this process wrote last, as far as it knows. */
export interface KnownWhole {
  readonly state: SeenRecord;
  readonly content: SeenRecord;
}

const MAX_KNOWN = 512;
const MAX_BYTES = 32 * 1024;

/**
 * What this process wrote last to records that it is at work on: its next change of one need not read it first, because its
 * commit depends on that anyway. Each is used once, so a change that was overtaken reads. Bounded in number and in bytes.
 */
export class KnownRecords {
  readonly #known = new Map<string, KnownWhole>();

  take(key: string): KnownWhole | undefined {
    const known = this.#known.get(key);
    this.#known.delete(key);
    return known;
  }

  put(key: string, known: KnownWhole): void {
    this.#known.delete(key);
    if (known.state.bytes.length + known.content.bytes.length > MAX_BYTES) return;
    this.#known.set(key, known);
    if (this.#known.size <= MAX_KNOWN) return;
    const [oldest] = this.#known.keys();
    this.#known.delete(oldest as string);
  }
}
