/** A text whose meaning is near to that of a query. */
export interface NearVector {
  readonly key: string;
  /** The cosine of the angle between both vectors, larger than 0, up to 1. */
  readonly similarity: number;
}

/** What a vector takes beside its floats, in bytes. */
const OVERHEAD = 200;

/**
 * Vectors by the keys of their texts. It compares a query with each of them, so what it finds is exact: 10,000 vectors of 1,536
 * floats take some 20 to 40 ms.
 */
export class VectorIndex {
  /** Each of length 1, so that the product of two is their cosine. */
  readonly #units = new Map<string, Float32Array>();
  #size = 0;

  /** In bytes. */
  get size(): number {
    return this.#size;
  }

  /** Puts a vector in place of the one of the same key. One of zeros has no direction, and is none. */
  put(key: string, vector: Float32Array): void {
    this.remove(key);
    const unit = unitOf(vector);
    if (unit === undefined) return;
    this.#units.set(key, unit);
    this.#size += unit.byteLength + OVERHEAD;
  }

  remove(key: string): void {
    const unit = this.#units.get(key);
    if (unit === undefined) return;
    this.#units.delete(key);
    this.#size -= unit.byteLength + OVERHEAD;
  }

  /** Whether there is a vector that can be compared with one of this many floats. */
  has(key: string, dimension: number): boolean {
    return this.#units.get(key)?.length === dimension;
  }

  /** Up to so many, the nearest first; equally near ones by key. Vectors of another dimension are not compared. */
  nearest(vector: Float32Array, most: number, isWanted: (key: string) => boolean): NearVector[] {
    const query = unitOf(vector);
    if (query === undefined) return [];
    const near: NearVector[] = [];
    for (const [key, unit] of this.#units) {
      if (unit.length !== query.length || !isWanted(key)) continue;
      const similarity = Math.min(1, product(unit, query));
      if (similarity > 0) near.push({ key, similarity });
    }
    return near.sort(comesBefore).slice(0, most);
  }
}

function unitOf(vector: Float32Array): Float32Array | undefined {
  // A sum of 64-bit floats: the squares of large 32-bit ones would overflow.
  let squares = 0;
  for (const value of vector) squares += value * value;
  const length = Math.sqrt(squares);
  return length > 0 ? vector.map((value) => value / length) : undefined;
}

/** Four sums, because each addition waits for the one before. */
function product(a: Float32Array, b: Float32Array): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const even = a.length - (a.length % 4);
  for (let at = 0; at < even; at += 4) {
    s0 += (a[at] as number) * (b[at] as number);
    s1 += (a[at + 1] as number) * (b[at + 1] as number);
    s2 += (a[at + 2] as number) * (b[at + 2] as number);
    s3 += (a[at + 3] as number) * (b[at + 3] as number);
  }
  for (let at = even; at < a.length; at++) s0 += (a[at] as number) * (b[at] as number);
  return s0 + s1 + s2 + s3;
}

function comesBefore(a: NearVector, b: NearVector): number {
  return b.similarity - a.similarity || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}
