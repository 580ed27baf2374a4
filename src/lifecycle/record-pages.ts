/** A page ends where its records have as much as a commit may have, though there are more. */
const PAGE_BYTES = 16 * 1024 * 1024;
/** A record may have some mebibytes, so few are read at first; then more as far as records are small. */
const FIRST_READ = 16;
const GROWTH = 4;
const READ_BYTES = 4 * 1024 * 1024;

/** The records of a page, which is bounded in number and in bytes. */
export class RecordPages<V> {
  readonly #found: { readonly position: string; readonly record: V }[] = [];
  readonly #limit: number;
  #size = FIRST_READ;
  #read = 0;
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** One more than the limit shows whether there is a next page. */
  get isFull(): boolean {
    return this.#found.length > this.#limit || this.#bytes >= PAGE_BYTES;
  }

  /** How many records to read next: some mebibytes at most, if they are as large as those before. */
  get size(): number {
    return Math.min(this.#limit + 1 - this.#found.length, this.#size);
  }

  /** What was read, whether it belongs to the page or not. */
  count(records: number, bytes: number): void {
    this.#read += records;
    this.#bytes += bytes;
    const fitting = Math.floor((READ_BYTES * this.#read) / Math.max(1, this.#bytes));
    this.#size = Math.max(1, Math.min(this.#size * GROWTH, fitting));
  }

  add(position: string, record: V): void {
    this.#found.push({ position, record });
  }

  /** The page. `from`: the position behind which reading would go on; `undefined` if there is nothing more. */
  end(from: string | undefined): { readonly records: readonly V[]; readonly next?: string } {
    const records = this.#found.slice(0, this.#limit).map(({ record }) => record);
    const next = this.#found.length > this.#limit ? this.#found[this.#limit - 1]?.position : from;
    return next === undefined ? { records } : { records, next };
  }
}
