import { invalid, StateError } from "../contract/errors.js";
import type { EventId, Expect, RecordKey } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import type { Codec } from "./codec.js";

/** What a transaction does to a slot. */
export type Write =
  | {
      readonly op: "save";
      readonly bytes: Uint8Array;
      readonly version: number;
      readonly eventId: EventId;
      /** The event id is the caller's, and not one of this attempt. */
      readonly isOwnId: boolean;
    }
  | { readonly op: "delete" };

/** `before` is what the transaction wrote to the slot until now. INVALID_RECORD. */
export async function encodeWrite<T, Input>(
  codec: Codec<T, Input>,
  value: Input,
  eventId: EventId | undefined,
  before: Promise<Write> | undefined,
): Promise<Extract<Write, { op: "save" }>> {
  const bytes = await codec.encode(value);
  const own = await ownIdOf(before);
  if (own !== undefined && eventId !== undefined && eventId !== own)
    throw invalid("eventId", "given for one write of a slot in a commit, not for two");
  const { version } = codec;
  return {
    op: "save",
    bytes,
    version,
    eventId: eventId ?? own ?? newEventId(),
    isOwnId: (eventId ?? own) !== undefined,
  };
}

/** A condition on a slot that the transaction itself wrote before. CONDITION_FAILED. */
export async function requireOwnWrite(
  { identity, kind }: RecordKey,
  before: Promise<Write>,
  expect: Expect,
): Promise<void> {
  const write = await before;
  const current = write.op === "save" ? write.eventId : null;
  if (current === expect) return;
  throw new StateError("CONDITION_FAILED", "the slot was written before in the same commit", {
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

/** The caller's id of an earlier write of the same commit, which stays the id of the slot's one save. */
async function ownIdOf(before: Promise<Write> | undefined): Promise<EventId | undefined> {
  const write = await before?.catch(() => undefined);
  return write?.op === "save" && write.isOwnId ? write.eventId : undefined;
}
