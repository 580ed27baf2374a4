import { createHash, hash } from "node:crypto";
import type { StoredRecord } from "../contract/driver.js";
import { atOnce, type Steps } from "../timing/in-slices.js";

type Unmarked = Omit<StoredRecord, "fingerprint" | "updatedAt">;

/** How much is hashed in a step, in bytes. */
const STEP = 256 * 1024;

const DOMAIN = "groundstate/record/1";

/** Where a record is laid out to be hashed in one go, which for small ones is several times faster than in parts. */
const layout = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * SHA-256, in base64url (43 characters), over a domain tag, event id, slot and version, each ended by a NUL, which none
 * of them holds, and the bytes: so no two writes run together. It says whether two writes are the same one, and whether
 * a stored record is what was written.
 */
export function fingerprint(record: Unmarked): string {
  const head = headOf(record);
  const { bytes } = record;
  if (head.length * 3 + bytes.byteLength > layout.byteLength) return atOnce(sumSteps(head, bytes));
  const start = layout.write(head);
  layout.set(bytes, start);
  return hash("sha256", layout.subarray(0, start + bytes.byteLength), "base64url");
}

/** The same, a piece of the bytes in each step. */
export function* fingerprintSteps(record: Unmarked): Steps<string> {
  return record.bytes.byteLength > STEP ? yield* sumSteps(headOf(record), record.bytes) : fingerprint(record);
}

function* sumSteps(head: string, bytes: Uint8Array): Steps<string> {
  const sum = createHash("sha256").update(head);
  for (let at = 0; at < bytes.byteLength; at += STEP) {
    if (at > 0) yield;
    sum.update(bytes.subarray(at, at + STEP));
  }
  return sum.digest("base64url");
}

function headOf({ eventId, tenant, user, session, run, kind, version }: Unmarked): string {
  return `${DOMAIN}\0${eventId}\0${tenant}\0${user}\0${session}\0${run}\0${kind}\0${version}\0`;
}
