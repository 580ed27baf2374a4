import { createHash } from "node:crypto";
import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { EventId } from "../contract/store.js";
import { compareText } from "../rules/order.js";
import { readEventId, readKind, readText } from "../validation/validate-text.js";

const MAX_NAME_BYTES = 128;
const DIGEST_LENGTH = 22;

/** Separates a collection's name from an id. Names contain none, so no id can form a kind of another collection. */
const SEPARATOR = "/";

/** The name of a slot, a collection or a journal: 1 to 128 UTF-8 bytes without a slash. */
export function readShapeName(value: unknown, field = "name"): string {
  const name = readKind(value, field);
  if (name.includes(SEPARATOR)) throw invalid(field, "a name without a slash");
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw invalid(field, `at most ${MAX_NAME_BYTES} UTF-8 bytes`);
  return name;
}

/** The kind of an item; its id may hold anything that a kind may. */
export function itemKind(name: string, id: unknown, field = "id"): string {
  const kind = itemPrefix(name) + readKind(id, field);
  if (Buffer.byteLength(kind) > LIMITS.kindBytes) {
    throw invalid(field, `at most ${LIMITS.kindBytes} UTF-8 bytes together with the name before it`);
  }
  return kind;
}

/** The prefix that the kinds of all items of a collection have, and no other kinds. */
export function itemPrefix(name: string): string {
  return name + SEPARATOR;
}

/** Reads the prefix of ids to list; it may be empty. */
export function readIdPrefix(name: string, value: unknown): string {
  return readText(value, "prefix", LIMITS.kindBytes - Buffer.byteLength(itemPrefix(name)));
}

/** A bound behind all kinds that begin with a prefix, but for those that begin with the very last character: not before `kind`. */
export function lastUnder(prefix: string, kind: string): string {
  const last = `${prefix}\u{10FFFF}`;
  return compareText(kind, last) < 0 ? last : kind;
}

/**
 * A digest of a list of names: 22 characters of base64url (132 bits of SHA-256). Names hold no NUL, so two different
 * lists never give the same input to the hash.
 */
export function digestOf(...names: readonly string[]): string {
  return createHash("sha256").update(names.join("\0")).digest("base64url").slice(0, DIGEST_LENGTH);
}

/**
 * The event id that the store gets for a caller's `id`. The store's event ids are unique per tenant; the purpose keeps
 * equal ids of different collections, sessions and the like apart.
 */
export function scopedEventId(purpose: string, id: string): EventId {
  return `${purpose}${SEPARATOR}${id}`;
}

/** The caller's id in an event id that `scopedEventId` made. Returns any other event id unchanged. */
export function unscopedId(purpose: string, eventId: EventId): string {
  const prefix = scopedEventId(purpose, "");
  return eventId.startsWith(prefix) ? eventId.slice(prefix.length) : eventId;
}

/** The size of a caller's id that becomes part of an event id, after a digest and the separator, in UTF-8 bytes. */
export const MAX_SCOPED_ID_BYTES = LIMITS.eventIdBytes - DIGEST_LENGTH - SEPARATOR.length;

/** Reads a caller's id that becomes part of an event id. */
export function readScopedId(value: unknown, field: string): string {
  const id = readEventId(value, field);
  if (Buffer.byteLength(id) > MAX_SCOPED_ID_BYTES)
    throw invalid(field, `at most ${MAX_SCOPED_ID_BYTES} UTF-8 bytes`);
  return id;
}
