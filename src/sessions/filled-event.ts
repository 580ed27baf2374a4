import { ChunkedContent } from "../content/chunked-content.js";
import type { ContentRef } from "../content/content-ref.js";
import type { NewRecord, SessionIdentity, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { steadyNow } from "../timing/clock.js";
import type { ValueDigest } from "../typed/journal-elsewhere.js";
import { NO_CONTENT, type ValueEntry } from "../typed/journal-entry.js";
import { contentCell, EVENT_CONTENT } from "./large-events.js";

/** The content of a large event of a session that is filled. */
export interface FilledContent {
  readonly ref: ContentRef;
  /** The event, without its value. */
  readonly entry: ValueEntry;
  /** Its chunks, which are written first. */
  readonly chunks: readonly NewRecord[];
  /** Says where they are, and is written with the event. */
  readonly pointer: NewRecord;
}

/** The digest has to fit into the name of chunks. */
const DIGEST_CHARACTERS = 32;

/**
 * A large event as a filling writes it. The name of its chunks says which event it is and which content, so that two calls that
 * fill the same session write the same or do not meet.
 */
export async function filledContent(
  store: StateStore,
  owner: SessionIdentity,
  entry: ValueEntry,
  elsewhere: ValueDigest,
): Promise<FilledContent> {
  const { number, bytes } = entry;
  const name = `filled/${number}/${elsewhere.sha256.slice(0, DIGEST_CHARACTERS)}`;
  const { ref, records } = new ChunkedContent(store, owner, EVENT_CONTENT, steadyNow).recordsOf(bytes, name);
  const { identity, kind, codec } = contentCell(owner, number);
  return {
    ref,
    entry: { ...entry, bytes: NO_CONTENT.bytes, elsewhere },
    chunks: records,
    pointer: {
      eventId: newEventId(),
      identity,
      kind,
      bytes: await codec.encode(ref),
      version: codec.version,
    },
  };
}
