import type { EventId, Identity, RecordHeader, StateRecord } from "../../contract/store.js";
import { type Cell, cellAt, type SeenRecord } from "../cell.js";
import { digestOf, scopedEventId } from "../names.js";
import type { Transaction } from "../transaction.js";

type Purpose = (name: string, owner: Identity) => readonly string[];

/** What the ids of callers are scoped with: by journals and their edits, by collections, by the session itself. */
const PURPOSES: readonly Purpose[] = [
  (name, { user, session }) => [name, user, session],
  (name, { user, session, run = "" }) => [name, user, session, run],
  (name, { user, session, run = "" }) => [name, user, session, run, "edit"],
];
const DIGEST_LENGTH = digestOf("").length;

/**
 * The event id of a record that moves to another identity. An id that a caller gave stays the caller's id there, so that the
 * same call is recognised under the new user. Any other is made of the one before: the same each time, so that a copy can be
 * compared with its original without reading either.
 */
export function movedEventId({ identity, kind, eventId }: RecordHeader, to: Identity): EventId {
  const [name = ""] = kind.split("/", 1);
  const scope = eventId.charAt(DIGEST_LENGTH) === "/" ? eventId.slice(0, DIGEST_LENGTH) : undefined;
  const purpose = PURPOSES.find((of) => scope === digestOf(...of(name, identity)));
  if (purpose !== undefined)
    return scopedEventId(digestOf(...purpose(name, to)), eventId.slice(DIGEST_LENGTH + 1));
  return scopedEventId("moved", digestOf("moved", eventId, kind, to.user, to.session, to.run ?? ""));
}

/** The cell of a record whose bytes are written as they are. */
export function rawCell(identity: Identity, kind: string, version = 0): Cell<Uint8Array> {
  return cellAt(identity, kind, { ...AS_IT_IS, version });
}

/** Reads a record in a transaction, which then depends on it. `known` is the record as a list returned it. */
export async function readRaw(
  transaction: Transaction,
  identity: Identity,
  kind: string,
  known?: StateRecord,
): Promise<SeenRecord | undefined> {
  const cell = rawCell(identity, kind);
  if (known !== undefined) transaction.assume(cell, known);
  return transaction.getRecord(cell);
}

/** Moves a record as it is now. The slot that it moves to has to be empty. */
export async function moveRaw(
  transaction: Transaction,
  record: SeenRecord,
  to: Identity,
  eventId: EventId,
): Promise<void> {
  const { identity, kind } = record;
  const now = await transaction.getRecord(rawCell(identity, kind));
  const { bytes, version, updatedAt } = now ?? record;
  transaction.delete(rawCell(identity, kind));
  await transaction.write(rawCell(to, kind, version), bytes, eventId, null, updatedAt);
}

/** The codec of bytes as they are. */
const AS_IT_IS = { encode: (bytes: Uint8Array) => bytes, decode: (bytes: Uint8Array) => bytes };
