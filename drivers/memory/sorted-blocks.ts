const MAX_PER_BLOCK = 512;

/**
 * Distinct items in order, in blocks of bounded size. Finding an item takes two binary searches; adding or removing one
 * moves at most a block of items.
 */
export class SortedBlocks<T> {
  readonly #compare: (a: T, b: T) => number;
  /** Never empty blocks, in order. */
  readonly #blocks: T[][] = [];

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  add(item: T): void {
    const [block, index] = this.#find(item);
    const items = this.#blocks[block] ?? this.#blocks.at(-1);
    if (items === undefined) {
      this.#blocks.push([item]);
      return;
    }
    items.splice(this.#blocks[block] === undefined ? items.length : index, 0, item);
    if (items.length > MAX_PER_BLOCK) {
      const at = Math.min(block, this.#blocks.length - 1);
      this.#blocks.splice(at + 1, 0, items.splice(items.length >> 1));
    }
  }

  remove(item: T): void {
    const [block, index] = this.#find(item);
    const items = this.#blocks[block];
    if (items === undefined || this.#compare(items[index] as T, item) !== 0) return;
    items.splice(index, 1);
    if (items.length === 0) this.#blocks.splice(block, 1);
  }

  /** Items from the first one for which `reached` is true. Must be true of all items after that one too. */
  *from(reached: (item: T) => boolean): Generator<T, void, undefined> {
    const [block, index] = this.#seek(reached);
    for (let b = block, i = index; b < this.#blocks.length; b++, i = 0) {
      const items = this.#blocks[b] as T[];
      for (; i < items.length; i++) yield items[i] as T;
    }
  }

  /** Items from the first one for which `reached` is true to the last one before `past` is true. */
  *between(reached: (item: T) => boolean, past: (item: T) => boolean): Generator<T, void, undefined> {
    const [block, index] = this.#seek(reached);
    const [lastBlock, end] = this.#seek(past);
    for (let b = block, i = index; b <= lastBlock; b++, i = 0) {
      const items = this.#blocks[b] ?? [];
      const until = b === lastBlock ? end : items.length;
      for (; i < until; i++) yield items[i] as T;
    }
  }

  /** The number of these items, from the sizes of the blocks. */
  count(reached: (item: T) => boolean, past: (item: T) => boolean): number {
    const [block, index] = this.#seek(reached);
    const [lastBlock, end] = this.#seek(past);
    let count = end - index;
    for (let b = block; b < lastBlock; b++) count += (this.#blocks[b] as T[]).length;
    return block > lastBlock ? 0 : Math.max(0, count);
  }

  /** The same items, from the last to the first. */
  *betweenDown(reached: (item: T) => boolean, past: (item: T) => boolean): Generator<T, void, undefined> {
    const [firstBlock, start] = this.#seek(reached);
    const [block, end] = this.#seek(past);
    for (let b = block, i = end - 1; b >= firstBlock; b--, i = (this.#blocks[b]?.length ?? 0) - 1) {
      const items = this.#blocks[b] ?? [];
      const until = b === firstBlock ? start : 0;
      for (; i >= until; i--) yield items[i] as T;
    }
  }

  #find(item: T): [block: number, index: number] {
    return this.#seek((other) => this.#compare(other, item) >= 0);
  }

  #seek(reached: (item: T) => boolean): [block: number, index: number] {
    const block = firstIndex(this.#blocks.length, (b) => reached(this.#blocks[b]?.at(-1) as T));
    const items = this.#blocks[block] ?? [];
    return [block, firstIndex(items.length, (i) => reached(items[i] as T))];
  }
}

/** The first of 0 to `length` - 1 for which `holds`, or `length`. */
function firstIndex(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
