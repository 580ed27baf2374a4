/** The bytes of a file. What was never written below its end is zero. */
export class FileContent {
  /** Zero behind the end. */
  #buffer: Uint8Array;
  #size: number;

  constructor(bytes: Uint8Array = new Uint8Array()) {
    this.#buffer = new Uint8Array(bytes);
    this.#size = bytes.byteLength;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }

  /** With as much room to grow. */
  copy(): FileContent {
    const copy = new FileContent(this.#buffer);
    copy.#size = this.#size;
    return copy;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#reach(offset + bytes.byteLength);
    this.#buffer.set(bytes, offset);
  }

  truncate(size: number): void {
    this.#buffer.fill(0, size, this.#size);
    this.#reach(size);
    this.#size = size;
  }

  #reach(size: number): void {
    if (size > this.#buffer.byteLength) {
      const larger = new Uint8Array(size + Math.max(size >> 2, 64 * 1024));
      larger.set(this.bytes);
      this.#buffer = larger;
    }
    this.#size = Math.max(this.#size, size);
  }
}
