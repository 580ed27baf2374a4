import type { Commit, Slot, StoredRecord, Write } from "../../../src/contract/driver.js";
import type { Expect } from "../../../src/contract/store.js";
import { slotOf } from "../../../src/rules/decide.js";
import { PACKED_OPS, packedOpOf } from "../../packed-op.js";

/**
 * Commits as three flat values, which are cheap to send to another thread. Plain commits would be copied object by object
 * and string by string.
 */
export interface PackedCommits {
  /** All texts, joined by NUL, which none of them contains. */
  readonly texts: string;
  readonly numbers: Float64Array<ArrayBuffer>;
  /** All payloads, one after another. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Codes of a write's condition: none, an empty slot, an event id. */
const ANY = 0;
const EMPTY = 1;
const EVENT = 2;

export function packCommits(commits: readonly Commit[]): PackedCommits {
  const texts: string[] = [];
  const numbers: number[] = [];
  const payloads: Uint8Array[] = [];
  let size = 0;
  for (const { tenant, writes } of commits) {
    texts.push(tenant);
    numbers.push(writes.length);
    for (const write of writes) {
      const { user, session, run, kind } = slotOf(write);
      texts.push(user, session, run, kind);
      packCondition(write.expect, texts, numbers);
      numbers.push(PACKED_OPS.indexOf(packedOpOf(write)));
      if (write.op !== "save") continue;
      const { eventId, fingerprint, version, updatedAt, bytes } = write.record;
      texts.push(eventId, fingerprint);
      numbers.push(version, updatedAt, bytes.byteLength);
      payloads.push(bytes);
      size += bytes.byteLength;
    }
  }
  return { texts: texts.join("\0"), numbers: Float64Array.from(numbers), body: concatenated(payloads, size) };
}

/** The commits that were packed. The payloads are views of `body`. */
export function unpackCommits(packed: PackedCommits): readonly Commit[] {
  const reader = new Unpacking(packed);
  const commits: Commit[] = [];
  while (!reader.isAtEnd) commits.push(reader.commit());
  return commits;
}

class Unpacking {
  readonly #texts: readonly string[];
  readonly #numbers: Float64Array;
  readonly #body: Uint8Array;
  #text = 0;
  #number = 0;
  #byte = 0;

  constructor({ texts, numbers, body }: PackedCommits) {
    this.#texts = texts.split("\0");
    this.#numbers = numbers;
    this.#body = body;
  }

  get isAtEnd(): boolean {
    return this.#number === this.#numbers.length;
  }

  commit(): Commit {
    const tenant = this.#nextText();
    const writes: Write[] = [];
    for (let left = this.#nextNumber(); left > 0; left--) writes.push(this.#write(tenant));
    return { tenant, writes };
  }

  #write(tenant: string): Write {
    const user = this.#nextText();
    const session = this.#nextText();
    const run = this.#nextText();
    const kind = this.#nextText();
    const expect = this.#condition();
    const op = PACKED_OPS[this.#nextNumber()];
    if (op === "save")
      return conditional({ op, record: this.#record(tenant, user, session, run, kind) }, expect);
    if (op === "erase") return { op, session: { tenant, user, session } };
    if (op === "erase slots") return { op: "erase", slots: { tenant, user, session, run, prefix: kind } };
    const slot: Slot = { tenant, user, session, run, kind };
    return op === "check"
      ? { op, slot, expect: expect as Expect }
      : conditional({ op: "delete", slot }, expect);
  }

  #record(tenant: string, user: string, session: string, run: string, kind: string): StoredRecord {
    const eventId = this.#nextText();
    const fingerprint = this.#nextText();
    const version = this.#nextNumber();
    const updatedAt = this.#nextNumber();
    const start = this.#byte;
    this.#byte += this.#nextNumber();
    const bytes = this.#body.subarray(start, this.#byte);
    return { tenant, user, session, run, kind, eventId, fingerprint, version, updatedAt, bytes };
  }

  #condition(): Expect | undefined {
    const code = this.#nextNumber();
    return code === EVENT ? this.#nextText() : code === EMPTY ? null : undefined;
  }

  #nextText(): string {
    return this.#texts[this.#text++] as string;
  }

  #nextNumber(): number {
    return this.#numbers[this.#number++] as number;
  }
}

function conditional<W extends Write>(write: W, expect: Expect | undefined): W {
  return expect === undefined ? write : { ...write, expect };
}

function packCondition(expect: Expect | undefined, texts: string[], numbers: number[]): void {
  if (expect === undefined) numbers.push(ANY);
  else if (expect === null) numbers.push(EMPTY);
  else {
    numbers.push(EVENT);
    texts.push(expect);
  }
}

function concatenated(payloads: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(size);
  let at = 0;
  for (const payload of payloads) {
    body.set(payload, at);
    at += payload.byteLength;
  }
  return body;
}
