import { isStateError } from "../contract/errors.js";
import type { CallOptions, Change, EventId, RecordKey, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { jitteredPause } from "../timing/backoff.js";
import { sleep } from "../timing/real-timers.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import type { Headed } from "../typed/headed-bytes.js";
import { type ChunkPlace, eraseChunks } from "./chunks.js";
import { VALUE_CODEC, type ValueHeader } from "./keyed-value.js";
import { changedAllTheTime } from "./outdated.js";

/** The options of an upload. */
export interface UploadOptions extends CallOptions {
  /** The condition under which an upload may begin. Throws `Outdated` if it does not hold. */
  readonly mayBegin?: (() => Promise<Change>) | undefined;
}

const MAX_ATTEMPTS = 50;
const BACKOFF = { baseMs: 2, mostMs: 100, random: Math.random };

/** What the record of an upload holds: who finds one with nothing that uses its chunks may remove both. */
export const MARK: Headed<ValueHeader> = { header: { version: 0 }, bytes: new Uint8Array() };

/** Writes the record of an upload, under which chunks are written, or finds the one that is there. Returns its event. */
export async function beginUpload(
  store: StateStore,
  slot: RecordKey,
  now: number,
  { mayBegin, signal }: UploadOptions,
): Promise<EventId> {
  const bytes = await VALUE_CODEC.encode(MARK);
  for (let attempt = 1; ; attempt++) {
    const conditions = mayBegin === undefined ? [] : [await mayBegin()];
    const begun = await store.find(slot.identity, slot.kind, { signal });
    if (begun !== undefined) return begun.eventId;
    const record = { ...slot, eventId: newEventId(), bytes, updatedAt: new Date(now) };
    try {
      const save: Change = { op: "save", record, expect: null };
      await commitWithRetries(store, [...conditions, save], { signal, repeatable: true });
      return record.eventId;
    } catch (error) {
      if (!isStateError(error, "CONDITION_FAILED")) throw error;
      if (attempt === MAX_ATTEMPTS) throw changedAllTheTime();
      await sleep(jitteredPause(attempt, BACKOFF), signal);
    }
  }
}

/** What has to be done in one commit to remove an upload with its chunks, unless somebody has gone on with it or finished it. */
export function removalOfUpload(
  { identity, kind }: RecordKey,
  eventId: EventId,
  chunks: Pick<ChunkPlace, "owner" | "prefix">,
): Change[] {
  return [{ op: "delete", identity, kind, expect: eventId }, eraseChunks(chunks)];
}
