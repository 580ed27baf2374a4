import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { EventId, SessionIdentity, StateRecord } from "../contract/store.js";
import { type Cell, cellAt, corruptRecord, decodeRecord } from "../typed/cell.js";
import { itemKind, itemPrefix } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import { readText } from "../validation/validate-text.js";
import { userOf } from "./owners.js";
import { SESSION_RECORD, type SessionRecord } from "./session-record.js";

const INDEX = "session.index";

/** A time and the session's name, which distinguishes sessions of the same millisecond. */
const CURSOR_PATTERN = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\.(.+)$/su;

/** The prefix of the kinds of all entries. In the order of kinds, the session touched last comes last. */
export const INDEX_PREFIX = itemPrefix(INDEX);

/** An entry of the index of sessions. */
export interface IndexEntry {
  /** The entry's position in the list. */
  readonly cursor: string;
  readonly session: string;
  readonly record: SessionRecord;
  readonly eventId: EventId;
}

/** The cell of a session in the index of its user. */
export function indexCell(owner: SessionIdentity, updatedAt: number): Cell<SessionRecord> {
  return cellAt(userOf(owner), itemKind(INDEX, `${timeKey(updatedAt)}.${owner.session}`), SESSION_RECORD);
}

/** The kind of the entry that a cursor stands for. INVALID_RECORD. */
export function readCursor(value: unknown, field: string): string {
  const cursor = readText(value, field, LIMITS.kindBytes);
  if (!CURSOR_PATTERN.test(cursor)) throw invalid(field, "the next of another page");
  return itemKind(INDEX, cursor, field);
}

/** Decodes an entry. CORRUPT where its kind and its value have different times. */
export async function readIndexEntry(stored: StateRecord): Promise<IndexEntry> {
  const record = await decodeRecord(SESSION_RECORD, stored);
  const cursor = stored.kind.slice(INDEX_PREFIX.length);
  const [, time, session] = CURSOR_PATTERN.exec(cursor) ?? [];
  if (session === undefined || time !== timeKey(record.updatedAt)) {
    throw corruptRecord(stored, "an entry of the index of sessions is not where it belongs");
  }
  return { cursor, session, record, eventId: stored.eventId };
}
