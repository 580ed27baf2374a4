import { createHmac } from "node:crypto";
import type { StoredRecord } from "../../contract/driver.js";
import { fingerprintSteps } from "../../rules/fingerprint.js";
import type { Steps } from "../../timing/in-slices.js";
import { SEAL_BYTES, sealSteps, unsealSteps } from "./aead.js";
import { type DataKey, KEY_ID_BYTES } from "./data-keys.js";

/** Begins every sealed payload, before the id of its data key. */
const MARK = Buffer.from("GSE\x01", "latin1");
const HEAD_BYTES = MARK.length + KEY_ID_BYTES;
/** How much of a fingerprint a driver may remember of an event id. */
const REMEMBERED = 20;
/** How many keys of sessions a data key holds. */
const MAX_SESSION_KEYS = 1_000;

/** What sealing adds to a payload. */
export const SEALED_BYTES = HEAD_BYTES + SEAL_BYTES;

/** The record with its payload sealed for its slot, event and version, and with a fingerprint that tells nothing. */
export function* sealRecordSteps(record: StoredRecord, key: DataKey): Steps<StoredRecord> {
  const bytes = Buffer.allocUnsafe(SEALED_BYTES + record.bytes.byteLength);
  bytes.set(MARK);
  bytes.set(key.id, MARK.length);
  const sealing = { key: keyOf(record, key), text: record.bytes, bound: boundTo(record) };
  yield* sealSteps(bytes, HEAD_BYTES, sealing);
  return { ...record, bytes, fingerprint: markOf(record.fingerprint, key) };
}

/** The id of the data key of a sealed payload, in base64url; `undefined` for one that does not look sealed. */
export function keyIdOf({ bytes }: Pick<StoredRecord, "bytes">): string | undefined {
  if (bytes.byteLength < SEALED_BYTES) return undefined;
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, HEAD_BYTES);
  return head.subarray(0, MARK.length).equals(MARK) ? head.toString("base64url", MARK.length) : undefined;
}

/** The record with its payload and its fingerprint; `undefined` if it was sealed for another record, or with another key. */
export function* unsealRecordSteps(record: StoredRecord, key: DataKey): Steps<StoredRecord | undefined> {
  const bytes = yield* unsealSteps(keyOf(record, key), record.bytes.subarray(HEAD_BYTES), boundTo(record));
  if (bytes === undefined) return undefined;
  const print = yield* fingerprintSteps({ ...record, bytes });
  return markOf(print, key) === record.fingerprint ? { ...record, bytes, fingerprint: print } : undefined;
}

/**
 * A fingerprint under a key: who has none cannot confirm a guess at the payload. It is of the part that drivers remember of an
 * event id, so that what they remember is enough to recognize a retry.
 */
export function markOf(fingerprint: string, { marking }: DataKey): string {
  return createHmac("sha256", marking).update(fingerprint.slice(0, REMEMBERED)).digest("base64url");
}

/**
 * Each session has a key of its own, so that no key seals so much that its random nonces could meet. Those that were used last are
 * kept.
 */
function keyOf({ user, session }: StoredRecord, { sealing, ofSessions }: DataKey): Buffer {
  const name = `groundstate/session/1\0${user}\0${session}`;
  const kept = ofSessions.get(name);
  if (kept !== undefined) return kept;
  const key = createHmac("sha256", sealing).update(name).digest();
  if (ofSessions.size >= MAX_SESSION_KEYS) ofSessions.clear();
  ofSessions.set(name, key);
  return key;
}

/** No field has a NUL, so different records never have the same text. */
function boundTo({ tenant, user, session, run, kind, eventId, version }: StoredRecord): Buffer {
  return Buffer.from(
    `groundstate/sealed/1\0${tenant}\0${user}\0${session}\0${run}\0${kind}\0${eventId}\0${version}`,
  );
}
