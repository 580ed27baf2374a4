import { createHash } from "node:crypto";

const MARK_BYTES = 6;

/** The SHA-256 (FIPS 180-4) of content that comes in pieces, and a mark for each piece. */
export class RunningDigest {
  readonly #hash = createHash("sha256");
  #size = 0;

  /** Takes the next piece in. Returns the first 48 bits of the digest of everything up to its end. */
  add(bytes: Uint8Array): number {
    this.#hash.update(bytes);
    this.#size += bytes.length;
    return this.#soFar().readUIntBE(0, MARK_BYTES);
  }

  /** Of everything so far, in bytes. */
  get size(): number {
    return this.#size;
  }

  /** Of everything so far, in hexadecimal digits. */
  get sha256(): string {
    return this.#soFar().toString("hex");
  }

  #soFar(): Buffer {
    return this.#hash.copy().digest();
  }
}
