import type { Commit, StoredRecord } from "../contract/driver.js";
import { invalid } from "../contract/errors.js";
import { fingerprint, fingerprintSteps } from "../rules/fingerprint.js";
import { inSlices, type Steps } from "../timing/in-slices.js";
import { copyBytes } from "../validation/validate-bytes.js";

/** A commit with more payload bytes or more saves than this is fingerprinted in slices. */
const MAX_BYTES_AT_ONCE = 256 * 1024;
const MAX_SAVES_AT_ONCE = 256;

type Mutable = { -readonly [K in keyof StoredRecord]: StoredRecord[K] };

/**
 * The payloads of a validated commit while they are still in the caller's memory. They are copied when the commit enters the
 * queue: at the call, unless the queue is full. A commit that waits for room does not cost a second copy of its payload.
 */
export class CallersPayloads {
  readonly #records: Mutable[] = [];
  /** As they were when they were checked. */
  readonly #lengths: number[] = [];
  readonly #isLarge: boolean;
  #isSealed = false;

  constructor({ writes }: Commit) {
    let bytes = 0;
    for (const write of writes) {
      if (write.op !== "save") continue;
      const { byteLength } = write.record.bytes;
      this.#records.push(write.record);
      this.#lengths.push(byteLength);
      bytes += byteLength;
    }
    this.#isLarge = bytes > MAX_BYTES_AT_ONCE || this.#records.length > MAX_SAVES_AT_ONCE;
  }

  /** Fingerprints the payloads, so that `copy` notices if the caller changes them in the meantime. */
  seal(): void {
    if (this.#isLarge) return;
    for (const record of this.#records) record.fingerprint = fingerprint(record);
    this.#isSealed = true;
  }

  /** Copies and fingerprints the payloads; large ones are done when the promise resolves. INVALID_RECORD if they were changed. */
  copy(): Promise<void> | undefined {
    let index = 0;
    for (const record of this.#records) {
      if (record.bytes.byteLength !== this.#lengths[index++]) throw changed();
      record.bytes = copyBytes(record.bytes);
    }
    if (this.#isLarge) return inSlices(fingerprintAll(this.#records));
    for (const record of this.#records) {
      const sealed = record.fingerprint;
      record.fingerprint = fingerprint(record);
      if (this.#isSealed && record.fingerprint !== sealed) throw changed();
    }
    return undefined;
  }
}

function* fingerprintAll(records: readonly Mutable[]): Steps<void> {
  for (const record of records) {
    record.fingerprint = yield* fingerprintSteps(record);
    yield;
  }
}

function changed(): Error {
  return invalid("bytes", "left as they are until the call has ended");
}
