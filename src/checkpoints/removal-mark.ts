import type { CallOptions, Change, SessionIdentity, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { removalsKind } from "./kinds.js";

/** A removal of checkpoints from a pool: the change that has to be in its commit, and the condition that it was the last one. */
export interface RemovalMark {
  readonly change: Change;
  readonly guard: Extract<Change, { readonly op: "check" }>;
}

/**
 * Marks a removal of checkpoints. Whoever removes unused values from the pool depends on the mark: while it is the last one,
 * no checkpoint that was seen is gone, and so none could have handed on a value unseen.
 */
export function markRemoval(owner: SessionIdentity, pool: string): RemovalMark {
  const eventId = newEventId();
  const slot = { identity: owner, kind: removalsKind(pool) };
  return {
    change: { op: "save", record: { ...slot, eventId, bytes: new Uint8Array() } },
    guard: { op: "check", ...slot, expect: eventId },
  };
}

/** Says in the mark that nothing unused is left: a put stores a value in the commit that uses it. */
const SWEPT = 1;

/** Whether no checkpoint was removed from the pool since its unused values were. */
export async function isSwept(
  store: StateStore,
  owner: SessionIdentity,
  pool: string,
  options: CallOptions,
): Promise<boolean> {
  return (await store.find(owner, removalsKind(pool), options))?.version === SWEPT;
}

/** Notes that all unused values were removed, if this removal is still the last one. */
export function sweptSince({ guard: { identity, kind, expect } }: RemovalMark): Change {
  const record = { identity, kind, eventId: newEventId(), version: SWEPT, bytes: new Uint8Array() };
  return { op: "save", record, expect };
}
