import { createHash } from "node:crypto";
import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { EventId } from "../contract/store.js";
import { readEventId, readKind, readText } from "../validation/validate-text.js";

const NAME_BYTES = 128;
const DIGEST_LENGTH = 22;

/** Between a collection's name and an id. A name holds none, so that no id reaches the kinds of another collection. */
const SEPARATOR = "/";

/** The name of a slot, a collection or a journal: 1 to 128 UTF-8 bytes without a slash. */
export function readShapeName(value: unknown, field = "name"): string {
  const name = readKind(value, field);
  if (name.includes(SEPARATOR)) throw invalid(field, "a name without a slash");
  if (Buffer.byteLength(name) > NAME_BYTES) throw invalid(field, `at most ${NAME_BYTES} UTF-8 bytes`);
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

/** What the kinds of all items of a collection begin with, and no others. */
export function itemPrefix(name: string): string {
  return name + SEPARATOR;
}

/** What the ids that are asked for begin with; may be empty. */
export function readIdPrefix(name: string, value: unknown): string {
  return readText(value, "prefix", LIMITS.kindBytes - Buffer.byteLength(itemPrefix(name)));
}

/** Names of any length in 22 characters (132 bits of SHA-256), in base64url; no two lists of names run together. */
export function digestOf(...names: readonly string[]): string {
  return createHash("sha256").update(names.join("\0")).digest("base64url").slice(0, DIGEST_LENGTH);
}

/**
 * The event id under which the store knows a write that the caller gave `id`: the caller's ids are apart for each
 * purpose, though the store keeps them per tenant.
 */
export function ownEventId(purpose: string, id: string): EventId {
  return `${purpose}${SEPARATOR}${id}`;
}

/** The caller's id in an event id that `ownEventId` made; an id that it did not make stands for itself. */
export function callersId(purpose: string, eventId: EventId): string {
  const prefix = ownEventId(purpose, "");
  return eventId.startsWith(prefix) ? eventId.slice(prefix.length) : eventId;
}

/** An id of the caller's that goes into an event id beside a digest. */
export function readOwnId(value: unknown, field: string): string {
  const id = readEventId(value, field);
  const most = LIMITS.eventIdBytes - DIGEST_LENGTH - SEPARATOR.length;
  if (Buffer.byteLength(id) > most) throw invalid(field, `at most ${most} UTF-8 bytes`);
  return id;
}
