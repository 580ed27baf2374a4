import { isStateError } from "../contract/errors.js";
import type { EventId, RecordKey, SessionIdentity, StateStore } from "../contract/store.js";
import { identityOf } from "../identity/identity.js";
import { type Cell, cellKey } from "../typed/cell.js";
import { deleteIfOrphaned, type FoundOwner } from "../typed/delete-if-orphaned.js";
import { digestOf, readScopedId } from "../typed/names.js";
import { readObject } from "../validation/validate.js";
import { readName } from "../validation/validate-text.js";
import type { LifecycleKey } from "./stored.js";

/** An index entry says whose record it is of; the tenant is that of its slot. */
export interface Pointer extends Pick<SessionIdentity, "user" | "session"> {
  readonly id: string;
}

/** An index entry that was read. */
export interface Entry {
  readonly key: LifecycleKey;
  readonly cell: Cell<Pointer, never>;
  readonly eventId: EventId;
  /** When its record was created. A later record under the same id, after an erase, has another time. */
  readonly createdAt: number;
}

/** Some entries, in their order. */
export interface EntryPage<E> {
  readonly entries: readonly E[];
  /** The position after which the next page begins; absent on the last one. */
  readonly next: string | undefined;
}

export function pointerTo({ identity: { user, session }, id }: LifecycleKey): Pointer {
  return { user, session, id };
}

export function keyOf(tenant: string, { user, session, id }: Pointer): LifecycleKey {
  // It may be a record of the tenant's or a user's own.
  return { identity: identityOf({ tenant, user, session, run: "" }), id };
}

export function readPointer(value: unknown): Pointer {
  const { user, session, id } = readObject(value, "pointer") as Record<string, unknown>;
  return {
    user: readName(user, "user", "allowed"),
    session: readName(session, "session", "allowed"),
    id: readScopedId(id, "id"),
  };
}

/** Makes the entry of a record unique among those of the same time. */
export function digestOfKey({ identity: { user, session }, id }: LifecycleKey): string {
  return digestOf(user, session, id);
}

/** Whether the entry belongs to this record, and not to an erased one that had the same id. */
export function isEntryOf(entry: Pick<Entry, "createdAt">, state: { readonly createdAt: number }): boolean {
  return entry.createdAt === state.createdAt;
}

/** Removes an entry whose record was not found, with its `siblings`, unless the record's slot has changed from `owner`. */
export async function removeOrphan(
  store: StateStore,
  entry: Entry,
  owner: FoundOwner,
  siblings: readonly RecordKey[],
): Promise<void> {
  const { identity, kind } = entry.cell;
  const others = siblings.filter((sibling) => cellKey(sibling) !== cellKey(entry.cell));
  try {
    await deleteIfOrphaned(store, { identity, kind, eventId: entry.eventId }, owner, {}, others);
  } catch (error) {
    // The next reader of the entry removes it.
    if (!isStateError(error, "OUTCOME_UNKNOWN")) throw error;
  }
}
