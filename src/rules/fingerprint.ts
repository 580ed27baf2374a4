import { createHash, hash } from "node:crypto";
import type { StoredRecord } from "../contract/driver.js";
import { atOnce, type Steps } from "../timing/in-slices.js";

type RecordContent = Omit<StoredRecord, "fingerprint" | "updatedAt">;

/** How many bytes are hashed in one step. */
const STEP_BYTES = 256 * 1024;

const DOMAIN = "groundstate/record/1";

/** Small records are copied here to be hashed in one call, several times faster than in parts. */
const scratch = new Uint8Array(64 * 1024);
const encoder = new TextEncoder();

/**
 * Identifies a write: two writes are the same if their fingerprints are, and a stored record is intact if its fingerprint
 * still fits. SHA-256 in base64url (43 characters) over a domain tag, event id, slot, version and bytes. Each field before
 * the bytes ends with a NUL, which none of them contains, so different writes never hash the same text.
 */
export function fingerprint(record: RecordContent): string {
  const header = headerOf(record);
  const { bytes } = record;
  if (header.length * 3 + bytes.byteLength > scratch.byteLength) return atOnce(hashSteps(header, bytes));
  const start = encoder.encodeInto(header, scratch).written;
  scratch.set(bytes, start);
  // A new view costs half of what `subarray` does.
  return hash("sha256", new Uint8Array(scratch.buffer, 0, start + bytes.byteLength), "base64url");
}

/** `fingerprint` in steps, each of which hashes a part of the bytes. */
export function* fingerprintSteps(record: RecordContent): Steps<string> {
  return record.bytes.byteLength > STEP_BYTES
    ? yield* hashSteps(headerOf(record), record.bytes)
    : fingerprint(record);
}

function* hashSteps(header: string, bytes: Uint8Array): Steps<string> {
  const hasher = createHash("sha256").update(header);
  for (let at = 0; at < bytes.byteLength; at += STEP_BYTES) {
    if (at > 0) yield;
    hasher.update(bytes.subarray(at, at + STEP_BYTES));
  }
  return hasher.digest("base64url");
}

function headerOf({ eventId, tenant, user, session, run, kind, version }: RecordContent): string {
  return `${DOMAIN}\0${eventId}\0${tenant}\0${user}\0${session}\0${run}\0${kind}\0${version}\0`;
}
