import { createCipheriv, createDecipheriv, randomFillSync } from "node:crypto";
import { atOnce, type Steps } from "../../timing/in-slices.js";

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Without it Node takes a tag of four bytes for whole: https://nodejs.org/api/crypto.html */
const OPTIONS = { authTagLength: TAG_BYTES };

/** What sealing adds to a text. */
export const SEAL_BYTES = NONCE_BYTES + TAG_BYTES;

const encoder = new TextEncoder();

/** Fields as bytes, each behind its length, so that no two lists of fields are the same bytes. */
export function joinFields(...fields: readonly string[]): Buffer {
  const encoded = fields.map((field) => encoder.encode(field));
  const joined = Buffer.allocUnsafe(encoded.reduce((sum, { length }) => sum + 4 + length, 0));
  let at = 0;
  for (const field of encoded) {
    at = joined.writeUInt32BE(field.length, at);
    joined.set(field, at);
    at += field.length;
  }
  return joined;
}

/** How many bytes are sealed or opened in one step. */
const STEP_BYTES = 256 * 1024;

/** A text to seal, and the bytes that it is bound to. */
export interface Sealing {
  readonly key: Uint8Array;
  readonly text: Uint8Array;
  readonly bound: Uint8Array;
}

/** Seals a text behind what `target` holds up to `start`: a fresh nonce, the ciphertext and the tag. AES-256-GCM. */
export function* sealSteps(target: Buffer, start: number, { key, text, bound }: Sealing): Steps<void> {
  const nonce = newNonce();
  target.set(nonce, start);
  const cipher = createCipheriv(ALGORITHM, key, nonce, OPTIONS).setAAD(bound);
  const textAt = start + NONCE_BYTES;
  for (let at = 0; at < text.byteLength; at += STEP_BYTES) {
    if (at > 0) yield;
    target.set(cipher.update(text.subarray(at, at + STEP_BYTES)), textAt + at);
  }
  cipher.final();
  target.set(cipher.getAuthTag(), textAt + text.byteLength);
}

/** Generated in bulk: one at a time they would cost as much as the sealing. */
const nonces = Buffer.alloc(256 * NONCE_BYTES);
let nextNonce = nonces.length;

function newNonce(): Uint8Array {
  if (nextNonce === nonces.length) {
    randomFillSync(nonces);
    nextNonce = 0;
  }
  nextNonce += NONCE_BYTES;
  return nonces.subarray(nextNonce - NONCE_BYTES, nextNonce);
}

/** Seals a text: a fresh nonce, the ciphertext and the tag. */
export function seal(key: Uint8Array, text: Uint8Array, bound: Uint8Array): Buffer {
  const target = Buffer.allocUnsafe(SEAL_BYTES + text.byteLength);
  atOnce(sealSteps(target, 0, { key, text, bound }));
  return target;
}

/** The text again, with memory of its own; `undefined` if it was sealed otherwise. */
export function* unsealSteps(
  key: Uint8Array,
  sealed: Uint8Array,
  bound: Uint8Array,
): Steps<Uint8Array | undefined> {
  if (sealed.byteLength < SEAL_BYTES) return undefined;
  const tagAt = sealed.byteLength - TAG_BYTES;
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES), OPTIONS)
    .setAAD(bound)
    .setAuthTag(sealed.subarray(tagAt));
  const text = new Uint8Array(tagAt - NONCE_BYTES);
  for (let at = NONCE_BYTES; at < tagAt; at += STEP_BYTES) {
    if (at > NONCE_BYTES) yield;
    text.set(decipher.update(sealed.subarray(at, Math.min(at + STEP_BYTES, tagAt))), at - NONCE_BYTES);
  }
  try {
    decipher.final();
    return text;
  } catch {
    return undefined;
  }
}

/** The same at once. */
export function unseal(key: Uint8Array, sealed: Uint8Array, bound: Uint8Array): Uint8Array | undefined {
  return atOnce(unsealSteps(key, sealed, bound));
}
