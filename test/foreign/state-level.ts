import {
  type AbstractBatchOperation,
  AbstractIterator,
  type AbstractIteratorOptions,
  AbstractLevel,
} from "abstract-level";
import { beyond, type KeyRange, type KeySpace } from "./key-space.js";

type Options = AbstractIteratorOptions<Buffer, Buffer> & { readonly limit: number };

/** An abstract-level database. */
export class StateLevel extends AbstractLevel<Buffer, string, string> {
  readonly space: KeySpace;

  constructor(space: KeySpace, options?: object) {
    super({ encodings: { buffer: true }, has: true, implicitSnapshots: false }, options);
    this.space = space;
  }

  async _put(key: Buffer, value: Buffer): Promise<void> {
    await this.space.write([{ key, value }]);
  }

  _get(key: Buffer): Promise<Buffer | undefined> {
    return this.space.find(key);
  }

  _getMany(keys: Buffer[]): Promise<(Buffer | undefined)[]> {
    return Promise.all(keys.map((key) => this.space.find(key)));
  }

  async _has(key: Buffer): Promise<boolean> {
    return (await this.space.find(key)) !== undefined;
  }

  _hasMany(keys: Buffer[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this._has(key)));
  }

  async _del(key: Buffer): Promise<void> {
    await this.space.remove(key);
  }

  async _batch(operations: AbstractBatchOperation<this, Buffer, Buffer>[]): Promise<void> {
    await this.space.write(
      operations.map(({ key, ...operation }) => ({
        key,
        value: operation.type === "put" ? operation.value : undefined,
      })),
    );
  }

  async _clear({ limit, ...range }: Options): Promise<void> {
    await this.space.clear(range, limit === -1 ? undefined : limit);
  }

  _iterator(options: Options): StateIterator {
    return new StateIterator(this, options);
  }
}

class StateIterator extends AbstractIterator<StateLevel, Buffer, Buffer> {
  readonly #space: KeySpace;
  readonly #whole: KeyRange;
  #rest: KeyRange | undefined;

  constructor(level: StateLevel, options: Options) {
    super(level, options);
    this.#space = level.space;
    this.#whole = options;
    this.#rest = options;
  }

  async _next(): Promise<[Buffer, Buffer] | undefined> {
    return (await this._nextv(1))[0];
  }

  async _nextv(size: number): Promise<[Buffer, Buffer][]> {
    if (this.#rest === undefined) return [];
    const page = await this.#space.page(this.#rest, Math.min(size, 1000));
    const last = page.at(-1);
    if (last !== undefined) this.#rest = beyond(this.#whole, last.key);
    return page.map(({ key, value }) => [key, value]);
  }

  /** Goes on at the target, in the direction of the iterator; a target outside of the range ends it. */
  _seek(target: Buffer): void {
    const { gt, gte, lt, lte, ...rest } = this.#whole;
    const below = gte ? compare(target, gte) < 0 : gt && compare(target, gt) <= 0;
    const above = lte ? compare(target, lte) > 0 : lt && compare(target, lt) >= 0;
    if (below || above) this.#rest = undefined;
    else this.#rest = rest.reverse ? { ...rest, gt, gte, lte: target } : { ...rest, gte: target, lt, lte };
  }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}
