import {
  type CallOptions,
  type Change,
  newEventId,
  type SessionIdentity,
  type StateStore,
} from "../../src/index.js";

/** What begins the kind of each entry. */
const PREFIX = "k";
const PAGE = 1000;

interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** One write: a value, or none to remove the key. */
interface Write {
  readonly key: Uint8Array;
  readonly value?: Uint8Array | undefined;
}

/** Bounds of keys. `gte` counts before `gt`, and `lte` before `lt`. */
export interface KeyRange {
  readonly gt?: Uint8Array | undefined;
  readonly gte?: Uint8Array | undefined;
  readonly lt?: Uint8Array | undefined;
  readonly lte?: Uint8Array | undefined;
  readonly reverse?: boolean | undefined;
}

/**
 * Values under keys of up to 255 bytes, in the order of their bytes: what the key-value interfaces of others ask for, in
 * one session of a store. A key is written in hexadecimal digits, which have the order of the bytes.
 */
export class KeySpace {
  readonly #store: StateStore;
  readonly #identity: SessionIdentity;

  constructor(store: StateStore, identity: SessionIdentity) {
    this.#store = store;
    this.#identity = identity;
  }

  async find(key: Uint8Array, options?: CallOptions): Promise<Buffer | undefined> {
    const record = await this.#store.find(this.#identity, kindOf(key), options);
    return record && bufferOf(record.bytes);
  }

  /** All of them or none. Of several writes of a key the last one counts. */
  async write(writes: readonly Write[], options?: CallOptions): Promise<void> {
    const changes = new Map<string, Change>();
    for (const { key, value } of writes) {
      const kind = kindOf(key);
      const slot = { identity: this.#identity, kind };
      const record = value && { eventId: newEventId(), ...slot, bytes: value };
      changes.set(kind, record ? { op: "save", record } : { op: "delete", ...slot });
    }
    await this.#store.commit([...changes.values()], options);
  }

  /** Whether the key was there. */
  remove(key: Uint8Array): Promise<boolean> {
    return this.#store.delete(this.#identity, kindOf(key));
  }

  /** The first `limit` entries of the range, the last ones first if it is reversed. */
  async page(range: KeyRange, limit: number, options?: CallOptions): Promise<Entry[]> {
    const bounds = { ...boundsOf(range), limit, reverse: range.reverse === true, ...options };
    const records = await this.#store.list(this.#identity, PREFIX, bounds);
    return records.map(({ kind, bytes }) => ({ key: keyOf(kind), value: bufferOf(bytes) }));
  }

  /** Page by page, each as it is when it is read. */
  async *entries(range: KeyRange = {}, options?: CallOptions): AsyncGenerator<Entry> {
    let rest = range;
    for (;;) {
      const page = await this.page(rest, PAGE, options);
      yield* page;
      const last = page.at(-1);
      if (page.length < PAGE || last === undefined) return;
      rest = beyond(range, last.key);
    }
  }

  /** Removes the entries of the range, at most so many. */
  async clear(range: KeyRange = {}, most = Number.POSITIVE_INFINITY): Promise<void> {
    let left = most;
    while (left > 0) {
      const page = await this.page(range, Math.min(PAGE, left));
      if (page.length === 0) return;
      await this.write(page.map(({ key }) => ({ key })));
      left -= page.length;
    }
  }

  async erase(): Promise<void> {
    await this.#store.erase(this.#identity);
  }
}

/** What is left of a range once it was read up to a key. */
export function beyond(range: KeyRange, key: Uint8Array): KeyRange {
  const { gt, gte, lt, lte, ...rest } = range;
  return range.reverse ? { ...rest, gt, gte, lt: key } : { ...rest, gt: key, lt, lte };
}

function boundsOf({ gt, gte, lt, lte }: KeyRange): { from?: string; after?: string; before?: string } {
  return {
    ...(gte ? { from: kindOf(gte) } : gt && { after: kindOf(gt) }),
    ...(lte ? { before: afterKind(kindOf(lte)) } : lt && { before: kindOf(lt) }),
  };
}

/** No key lies between the two. */
function afterKind(kind: string): string {
  return `${kind}0`;
}

function kindOf(key: Uint8Array): string {
  return PREFIX + bufferOf(key).toString("hex");
}

function keyOf(kind: string): Buffer {
  return Buffer.from(kind.slice(PREFIX.length), "hex");
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
