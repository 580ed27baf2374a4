import { invalid, StateError } from "../contract/errors.js";
import type { EventId, Expect, RecordKey } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import type { Cell } from "./cell.js";

/** What a transaction does to a slot. */
export type Write =
  | {
      readonly op: "save";
      readonly bytes: Uint8Array;
      readonly version: number;
      readonly eventId: EventId;
      /** The event id is the caller's, and not one of this attempt. */
      readonly isOwnId: boolean;
      readonly updatedAt: Date | undefined;
    }
  | { readonly op: "delete" };

/** A save, and what the transaction wrote to the slot before. */
interface NewSave<T, Input> {
  readonly cell: Cell<T, Input>;
  readonly value: Input;
  readonly eventId: EventId | undefined;
  readonly expect: Expect | undefined;
  readonly updatedAt: Date | undefined;
  readonly before: Promise<Write> | undefined;
}

/** INVALID_RECORD; CONDITION_FAILED if the transaction wrote something else to the slot than is expected. */
export async function encodeSave<T, Input>({
  cell,
  value,
  eventId,
  expect,
  updatedAt,
  before,
}: NewSave<T, Input>): Promise<Extract<Write, { op: "save" }>> {
  const bytes = await cell.codec.encode(value);
  // A write that failed is none: its caller knows.
  const written = await before?.catch(() => undefined);
  if (written !== undefined && expect !== undefined) requireOwnWrite(cell, written, expect);
  // The caller's id of an earlier write stays the id of the slot's one save.
  const own = written?.op === "save" && written.isOwnId ? written.eventId : undefined;
  if (own !== undefined && eventId !== undefined && eventId !== own)
    throw invalid("eventId", "given for one write of a slot in a commit, not for two");
  return {
    op: "save",
    bytes,
    version: cell.codec.version,
    eventId: eventId ?? own ?? newEventId(),
    isOwnId: (eventId ?? own) !== undefined,
    updatedAt,
  };
}

function requireOwnWrite({ identity, kind }: RecordKey, written: Write, expect: Expect): void {
  const current = written.op === "save" ? written.eventId : null;
  if (current === expect) return;
  throw new StateError("CONDITION_FAILED", "the same commit wrote something else to the slot before", {
    details: { change: 0, identity, kind, current },
  });
}

/** A second write under one event id: IDEMPOTENCY_CONFLICT if it has other content. */
export function requireSameBytes(before: Uint8Array, bytes: Uint8Array): true {
  if (Buffer.compare(before, bytes) === 0) return true;
  throw new StateError("IDEMPOTENCY_CONFLICT", "the same commit writes something else under this event id", {
    details: { change: 0 },
  });
}
