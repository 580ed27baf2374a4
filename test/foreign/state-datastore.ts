import { type Batch, type Datastore, Key, type KeyQuery, type Pair, type Query } from "interface-datastore";
import { NotFoundError } from "interface-store";
import type { CallOptions } from "../../src/index.js";
import type { KeyRange, KeySpace } from "./key-space.js";

type Several<T> = Iterable<T> | AsyncIterable<T>;

/** A datastore of IPFS and libp2p. */
export class StateDatastore implements Datastore {
  readonly #space: KeySpace;

  constructor(space: KeySpace) {
    this.#space = space;
  }

  async put(key: Key, value: Uint8Array, options?: CallOptions): Promise<Key> {
    await this.#space.write([{ key: key.uint8Array(), value }], options);
    return key;
  }

  async get(key: Key, options?: CallOptions): Promise<Uint8Array> {
    const value = await this.#space.find(key.uint8Array(), options);
    if (value === undefined) throw new NotFoundError(`${key} is not there`);
    return new Uint8Array(value);
  }

  async has(key: Key, options?: CallOptions): Promise<boolean> {
    return (await this.#space.find(key.uint8Array(), options)) !== undefined;
  }

  async delete(key: Key, options?: CallOptions): Promise<void> {
    await this.#space.write([{ key: key.uint8Array() }], options);
  }

  async *putMany(pairs: Several<Pair>, options?: CallOptions): AsyncGenerator<Key> {
    for await (const { key, value } of pairs) yield await this.put(key, value, options);
  }

  async *getMany(keys: Several<Key>, options?: CallOptions): AsyncGenerator<Pair> {
    for await (const key of keys) yield { key, value: await this.get(key, options) };
  }

  async *deleteMany(keys: Several<Key>, options?: CallOptions): AsyncGenerator<Key> {
    for await (const key of keys) {
      await this.delete(key, options);
      yield key;
    }
  }

  batch(): Batch {
    const writes: { key: Uint8Array; value?: Uint8Array }[] = [];
    return {
      put: (key, value) => void writes.push({ key: key.uint8Array(), value }),
      delete: (key) => void writes.push({ key: key.uint8Array() }),
      commit: (options) => this.#space.write(writes, options),
    };
  }

  query({ prefix, ...query }: Query, options?: CallOptions): AsyncGenerator<Pair> {
    return answer(this.#pairs(prefix, options), query);
  }

  async *queryKeys({ prefix, ...query }: KeyQuery, options?: CallOptions): AsyncGenerator<Key> {
    yield* answer(keysOf(this.#pairs(prefix, options)), query);
  }

  async *#pairs(prefix: string | undefined, options?: CallOptions): AsyncGenerator<Pair> {
    for await (const { key, value } of this.#space.entries(rangeOf(prefix), options)) {
      yield { key: new Key(key), value: new Uint8Array(value) };
    }
  }
}

async function* keysOf(pairs: AsyncGenerator<Pair>): AsyncGenerator<Key> {
  for await (const { key } of pairs) yield key;
}

function rangeOf(prefix: string | undefined): KeyRange {
  if (!prefix) return {};
  const gte = Buffer.from(prefix);
  return { gte, lt: Buffer.concat([gte, Buffer.from([0xff])]) };
}

interface Conditions<T> {
  readonly filters?: readonly ((item: T) => boolean)[];
  readonly orders?: readonly ((a: T, b: T) => number)[];
  readonly limit?: number;
  readonly offset?: number;
}

async function* answer<T>(items: AsyncIterable<T>, conditions: Conditions<T>): AsyncGenerator<T> {
  const { filters = [], orders = [], limit = Number.POSITIVE_INFINITY, offset = 0 } = conditions;
  let place = 0;
  for await (const item of orders.length > 0 ? sorted(items, orders) : items) {
    if (!filters.every((holds) => holds(item))) continue;
    place += 1;
    if (place > offset) yield item;
    if (place >= offset + limit) return;
  }
}

async function* sorted<T>(
  items: AsyncIterable<T>,
  orders: readonly ((a: T, b: T) => number)[],
): AsyncGenerator<T> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  for (const order of orders) all.sort(order);
  yield* all;
}
