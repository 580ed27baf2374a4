import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { EventId, Identity, RecordKey } from "../contract/store.js";
import { type ListedOf, readListedOf } from "../lifecycle/options.js";
import { type Cell, cellAt, corruptRecord, decodeRecord, type SeenRecord } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf, itemPrefix } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import { readTtl } from "../validation/fields.js";
import { readObject } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import type { ExpiringValue } from "./value.js";

/** Where a value lies. */
export interface ValuePlace {
  readonly owner: Identity;
  readonly group: string;
  readonly key: string;
}

/** A value as it is stored. It lives from the time of its record on, so the same call makes the same record at any time. */
export interface StoredValue {
  readonly group: string;
  readonly key: string;
  readonly ttlMs: number;
  readonly value: JsonValue;
}

/** A value that was read, past its time or not. */
export interface SeenValue extends ExpiringValue {
  readonly stored: StoredValue;
}

export const VALUES = itemPrefix("expiring");
/** By the time at which values end, over all groups: for `cleanup`. */
export const DUE = itemPrefix("expiring.due");
/** The same within each group: for `count`. */
export const LIVE = itemPrefix("expiring.live");
/** What precedes the event id of a value in that of its entry among all, so that a clean-up need not read the value. */
const ENTRY_ID = "expiring.due/";
/** Of a caller's id: what is left beside that, a digest and what separates them. */
const MAX_ID_BYTES = 91;
const TIME_LENGTH = timeKey(0).length;
const DIGEST_LENGTH = digestOf("").length;
/** Behind the longest prefix, a time, a digest and what separates them. */
const MAX_KEY_BYTES = 448;
const ENTRY_PATTERN = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\.[\w-]{22}\/./su;

const VALUE_CODEC = mappedJson<StoredValue>({
  write: (stored) => ({ ...stored }),
  mayBeLarge: () => true,
  read(json) {
    const { group, key, ttlMs, value } = readObject(json, "value") as Partial<StoredValue>;
    if (value === undefined) throw invalid("value", "there");
    return {
      group: readKind(group, "group"),
      key: readKey(key),
      ttlMs: readTtl(ttlMs, "ttlMs"),
      value,
    };
  },
});

/** What an entry of an index says is in its kind, and in its event id. */
const ENTRY_CODEC = mappedJson<null>({ write: () => null, read: () => null });

/** Reads whose value is meant, in which group and under which key. INVALID_RECORD, IDENTITY_REQUIRED. */
export function readPlace(identity: ListedOf, group: unknown, key: unknown): ValuePlace {
  return { ...readGroup(identity, group), key: readKey(key) };
}

/** Reads the caller's id of a call. INVALID_RECORD. */
export function readId(value: unknown): string {
  const id = readEventId(value, "id");
  if (Buffer.byteLength(id) > MAX_ID_BYTES) throw invalid("id", `at most ${MAX_ID_BYTES} UTF-8 bytes`);
  return id;
}

/** Reads which group is meant. */
export function readGroup(identity: ListedOf, group: unknown): Omit<ValuePlace, "key"> {
  return { owner: readListedOf(identity, true).identity, group: readKind(group, "group") };
}

export function readKey(value: unknown, field = "key"): string {
  const key = readKind(value, field);
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw invalid(field, `at most ${MAX_KEY_BYTES} UTF-8 bytes`);
  return key;
}

export function valueCell({ owner, group, key }: ValuePlace): Cell<StoredValue> {
  return cellAt(owner, valuesPrefix(group) + key, VALUE_CODEC);
}

/** The cell of a value by its kind. */
export function cellOfKind(owner: Identity, kind: string): Cell<StoredValue> {
  return cellAt(owner, kind, VALUE_CODEC);
}

/** What the kinds of the values of a group begin with. The key follows. */
export function valuesPrefix(group: string): string {
  return `${VALUES}${digestOf(group)}/`;
}

/** What the kinds of a group's entries begin with. */
export function livePrefix(group: string): string {
  return `${LIVE}${digestOf(group)}/`;
}

/** The entries of a value that ends at a time: one among all, one within its group. */
export function entriesOf({ owner, group, key }: ValuePlace, expiresAt: number): [Cell<null>, Cell<null>] {
  const [time, digest] = [timeKey(expiresAt), digestOf(group)];
  return [
    cellAt(owner, `${DUE}${time}.${digest}/${key}`, ENTRY_CODEC),
    cellAt(owner, `${LIVE}${digest}/${time}.${key}`, ENTRY_CODEC),
  ];
}

/** What an entry among all says. */
export interface DueValue {
  readonly entry: Cell<null>;
  readonly live: Cell<null>;
  readonly value: Cell<StoredValue>;
  readonly time: string;
}

/** Reads an entry among all. CORRUPT where it is none. */
export function dueValue(entry: RecordKey): DueValue {
  const { identity, kind } = entry;
  const position = kind.slice(DUE.length);
  if (!ENTRY_PATTERN.test(position)) throw corruptRecord(entry, "it is no entry of the values that expire");
  const time = position.slice(0, TIME_LENGTH);
  const digest = position.slice(TIME_LENGTH + 1, TIME_LENGTH + 1 + DIGEST_LENGTH);
  const key = position.slice(TIME_LENGTH + DIGEST_LENGTH + 2);
  return {
    entry: cellAt(identity, kind, ENTRY_CODEC),
    live: cellAt(identity, `${LIVE}${digest}/${time}.${key}`, ENTRY_CODEC),
    value: cellAt(identity, `${VALUES}${digest}/${key}`, VALUE_CODEC),
    time,
  };
}

/** The event id of the entry among all of a value that this event wrote. */
export function entryId(eventId: EventId): EventId {
  return ENTRY_ID + eventId;
}

/** The event that wrote the value of an entry; `undefined` if the entry was moved since. */
export function writtenBy(entryEvent: EventId): EventId | undefined {
  return entryEvent.startsWith(ENTRY_ID) ? entryEvent.slice(ENTRY_ID.length) : undefined;
}

/** When a value ends, in milliseconds since 1970. */
export function endOf(from: number, ttlMs: number): number {
  return Math.min(from + ttlMs, LIMITS.latest);
}

/** Decodes a value. CORRUPT, also where it is that of another group or key. */
export async function seenValue(record: SeenRecord): Promise<SeenValue> {
  const stored = await decodeRecord(VALUE_CODEC, record);
  const { group, key, ttlMs, value } = stored;
  const { kind, eventId, updatedAt } = record;
  if (kind !== valuesPrefix(group) + key) throw corruptRecord(record, "a value lies in the place of another");
  if (updatedAt === undefined) throw corruptRecord(record, "a value has no time");
  const expiresAt = new Date(endOf(updatedAt.getTime(), ttlMs));
  return { key, value, eventId, updatedAt, expiresAt, stored };
}

/** The value as callers get it; `undefined` for one that is past its time. */
export function valueAt({ stored: _, ...value }: SeenValue, now: number): ExpiringValue | undefined {
  return value.expiresAt.getTime() > now ? value : undefined;
}
