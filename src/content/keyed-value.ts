import { createHash } from "node:crypto";
import { invalid, isStateError } from "../contract/errors.js";
import type { EventId, StoreLimits } from "../contract/store.js";
import type { Codec } from "../typed/codec.js";
import { headedBytes } from "../typed/headed-bytes.js";
import type { JsonValue } from "../typed/json-value.js";
import { firstStepThenSlices, type Steps } from "../typed/slices.js";
import { readInteger, readObject } from "../validation/validate.js";

/** A value in bytes, with the digest by which equal ones are known. */
export interface EncodedValue {
  readonly bytes: Uint8Array;
  /** The version of the codec. */
  readonly version: number;
  readonly digest: string;
}

/** What the record of a value says before its bytes. */
export interface ValueHeader {
  readonly version: number;
  /** The size of a value whose bytes lie in chunks. */
  readonly size?: number;
}

/** A value with the key under which it is stored. */
export interface KeyedValue extends EncodedValue {
  readonly key: string;
  /** Of a value in chunks: how many bytes each has. */
  readonly chunkBytes?: number;
  /** Of a value in chunks: the event of the upload under which all of them were written; none if the value was stored. */
  readonly upload?: EventId | undefined;
}

const DIGEST_LENGTH = 22;
const HASH_BYTES = 512 * 1024;
const KIB = 1024;
const MIB = 1024 * KIB;
/** A larger value is stored in chunks. */
const MAX_INLINE_BYTES = 256 * KIB;
/** So many bytes of values, or of chunks, are written in one commit. */
const COMMIT_BYTES = 4 * MIB;
/** Room for a header before the bytes. */
const HEADER_BYTES = 256;
/** Separates the digest from the size of the chunks. */
const CHUNKED = ".";

export const VALUE_CODEC = headedBytes<ValueHeader>({
  write: ({ version, size }) => ({ v: version, ...(size !== undefined && { n: size }) }) as JsonValue,
  read(value) {
    const { v, n } = readObject(value, "header") as { readonly v?: unknown; readonly n?: unknown };
    const version = readInteger(v, "version", 0, Number.MAX_SAFE_INTEGER);
    return n === undefined
      ? { version }
      : { version, size: readInteger(n, "size", 0, Number.MAX_SAFE_INTEGER) };
  },
});

/** Encodes a caller's value. What the codec refuses is INVALID_RECORD of this field. */
export async function encodeValue<Input>(
  codec: Codec<unknown, Input>,
  value: Input,
  field: string,
): Promise<EncodedValue> {
  try {
    const bytes = await codec.encode(value);
    if (!(bytes instanceof Uint8Array)) throw invalid("codec", "one whose encode returns a Uint8Array");
    return { bytes, version: codec.version, digest: await digestOfValue(bytes, codec.version) };
  } catch (error) {
    if (isStateError(error, "INVALID_RECORD") && error.details.field === "value")
      throw invalid(field, error.details.rule);
    throw error;
  }
}

/** Hashes in slices, because a value may be large. */
export async function digestOfValue(bytes: Uint8Array, version: number): Promise<string> {
  return firstStepThenSlices(hashSteps(bytes, version));
}

function* hashSteps(bytes: Uint8Array, version: number): Steps<string> {
  const hash = createHash("sha256").update(`${version}\n`);
  for (let from = 0; from < bytes.length; from += HASH_BYTES) {
    if (from > 0) yield;
    hash.update(bytes.subarray(from, from + HASH_BYTES));
  }
  return hash.digest("base64url").slice(0, DIGEST_LENGTH);
}

export function isLarge({ chunkBytes }: KeyedValue): boolean {
  return chunkBytes !== undefined;
}

/** The digest in the key of a value. */
export function digestIn(key: string): string {
  return key.slice(0, DIGEST_LENGTH);
}

/** The size of the chunks of a value, in its key; `undefined` for a value that lies in one record. */
export function chunkBytesIn(key: string): number | undefined {
  if (key[DIGEST_LENGTH] !== CHUNKED) return undefined;
  const bytes = Number.parseInt(key.slice(DIGEST_LENGTH + 1), 36);
  return bytes > 0 ? bytes : undefined;
}

/**
 * Gives the values their keys: the largest ones lie in chunks, until the others fit into one commit. `headerBytes` is what
 * stands before a value in its record.
 */
export function keyValues<E extends EncodedValue>(
  values: readonly E[],
  limits: StoreLimits,
  headerBytes: (value: E) => number = () => HEADER_BYTES,
): (E & KeyedValue)[] {
  const room = commitBytes(limits);
  let left = values.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const chunkBytes = Math.min(limits.maxBytes, MIB);
  const keyed = new Map<E, E & KeyedValue>();
  for (const value of [...values].sort((one, other) => other.bytes.length - one.bytes.length)) {
    const most = Math.min(MAX_INLINE_BYTES, limits.maxBytes - headerBytes(value));
    const isInline = value.bytes.length <= most && left <= room;
    if (!isInline) left -= value.bytes.length;
    const key = isInline ? value.digest : `${value.digest}${CHUNKED}${chunkBytes.toString(36)}`;
    keyed.set(value, { ...value, key, ...(!isInline && { chunkBytes }) });
  }
  return values.map((value) => keyed.get(value) as E & KeyedValue);
}

export function commitBytes({ commitBytes }: StoreLimits): number {
  return Math.min(COMMIT_BYTES, commitBytes / 4);
}
