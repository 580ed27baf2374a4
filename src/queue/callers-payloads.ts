import type { Commit, StoredRecord } from "../contract/driver.js";
import { invalid } from "../contract/errors.js";
import { fingerprint, fingerprintSteps } from "../rules/fingerprint.js";
import { inSlices, type Steps } from "../timing/in-slices.js";
import { copyBytes } from "../validation/validate-bytes.js";

/** A commit with more payload than this is fingerprinted a slice at a time, in bytes. */
const AT_ONCE = 256 * 1024;

type Mutable = { -readonly [K in keyof StoredRecord]: StoredRecord[K] };

/**
 * The payloads of a commit that was checked, as long as they are the caller's. They are copied when the commit is let into
 * the queue, which is at the call unless it is full: a caller that waits shall not cost a second copy of what it waits with.
 */
export class CallersPayloads {
  readonly #records: Mutable[] = [];
  readonly #lengths: number[] = [];
  readonly #isLarge: boolean;
  #isSealed = false;

  constructor({ writes }: Commit) {
    let bytes = 0;
    for (const write of writes) {
      if (write.op !== "save") continue;
      this.#records.push(write.record);
      bytes += this.#lengths[this.#lengths.push(write.record.bytes.byteLength) - 1] as number;
    }
    this.#isLarge = bytes > AT_ONCE;
  }

  /** Takes note of what they are, so that it is noticed when the caller changes them while it waits. */
  seal(): void {
    if (this.#isLarge) return;
    for (const record of this.#records) record.fingerprint = fingerprint(record);
    this.#isSealed = true;
  }

  /** Copies and fingerprints them, large ones until the promise resolves. INVALID_RECORD for those that were changed. */
  own(): Promise<void> | undefined {
    for (const [index, record] of this.#records.entries()) {
      if (record.bytes.byteLength !== this.#lengths[index]) throw changed();
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
