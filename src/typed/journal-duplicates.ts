import type { EventId, Identity, RecordPlace, StateRecord, StateStore } from "../contract.js";
import { isStateError, StateError } from "../errors.js";
import { newEventId } from "../event-id.js";
import { commitSurely } from "./commit-surely.js";
import { findByEventId } from "./find-by-event-id.js";

/** An entry, ready to be written. */
export interface Made {
  readonly eventId: EventId;
  readonly bytes: Uint8Array;
}

/**
 * The records of entries that were appended before, all of them; `undefined` for a single one that was trimmed since.
 * IDEMPOTENCY_CONFLICT where they were not, or that cannot be said. `head` is the journal's.
 */
export async function appendedBefore(
  store: StateStore,
  head: RecordPlace,
  made: readonly Made[],
  conflict: StateError,
): Promise<readonly (StateRecord | undefined)[]> {
  const records = await findEntries(store, head.identity, made);
  if (records.every((record) => record === undefined)) {
    // Trimmed since, or not what the conflict is about. Of several that were trimmed some could be new.
    if (made.length === 1 && (await isKnown(store, head, made[0] as Made))) return records;
    throw conflict;
  }
  const change = records.findIndex((record, index) => !isSame(record, made[index] as Made));
  if (change === -1) return records;
  throw new StateError(
    "IDEMPOTENCY_CONFLICT",
    `entry ${change}: of these entries some were appended before, with other values or without the rest`,
    { details: { change } },
  );
}

/** The records of entries that are there. */
export function findEntries(
  store: StateStore,
  owner: Identity,
  made: readonly Made[],
): Promise<(StateRecord | undefined)[]> {
  return Promise.all(made.map(({ eventId }) => findByEventId(store, owner, eventId)));
}

/** Whether the store knows the event id. It looks at that before the condition, which holds nowhere: nothing is written. */
async function isKnown(store: StateStore, { identity, kind }: RecordPlace, made: Made): Promise<boolean> {
  const record = { ...made, identity, kind };
  try {
    await commitSurely(store, [{ op: "save", record, expect: newEventId() }], {
      signal: undefined,
      repeatable: true,
    });
    return true;
  } catch (error) {
    if (isStateError(error, "IDEMPOTENCY_CONFLICT")) return true;
    if (isStateError(error, "CONDITION_FAILED")) return false;
    throw error;
  }
}

export function isSame(record: StateRecord | undefined, { bytes }: Made): boolean {
  return record !== undefined && Buffer.compare(record.bytes, bytes) === 0;
}
