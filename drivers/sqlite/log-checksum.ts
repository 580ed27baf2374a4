/** The last bit of the magic number in a log's head if the checksums are big-endian. */
const BIG_ENDIAN = 1;
const SUMMED_FRAME_HEAD_BYTES = 8;

/**
 * The running checksum of a log's frames (https://sqlite.org/fileformat2.html, 4.2). SQLite ignores a log from the first
 * frame with a wrong checksum on: what follows was left by a power cut or a failed commit.
 */
export class LogChecksum {
  readonly #isBig: boolean;
  #first = 0;
  #second = 0;

  /** Takes the log's head, of 32 bytes. */
  constructor(head: Buffer) {
    this.#isBig = (head.readUInt32BE(0) & 1) === BIG_ENDIAN;
    this.#add(head.subarray(0, 24));
  }

  /** Adds the next frame, and returns whether its checksum is right. */
  accepts(frameHead: Buffer, page: Buffer): boolean {
    this.#add(frameHead.subarray(0, SUMMED_FRAME_HEAD_BYTES));
    this.#add(page);
    return frameHead.readUInt32BE(16) === this.#first && frameHead.readUInt32BE(20) === this.#second;
  }

  #add(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += 8) {
      this.#first = (this.#first + this.#uint32(bytes, at) + this.#second) >>> 0;
      this.#second = (this.#second + this.#uint32(bytes, at + 4) + this.#first) >>> 0;
    }
  }

  #uint32(bytes: Buffer, at: number): number {
    return this.#isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
  }
}
