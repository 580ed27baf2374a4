import { createHash, type Hash } from "node:crypto";
import { headersUnder, type PageRange } from "../content/paging.js";
import type { EventId, RecordHeader, SessionIdentity, StateStore } from "../contract/store.js";
import { findCell } from "../typed/cell-operations.js";
import { EMPTY_HEAD } from "../typed/journal-bounds.js";
import { itemPrefix } from "../typed/names.js";
import { type EditLog, editLogCell, NO_EDITS } from "./edit-log.js";
import { noSession } from "./errors.js";
import { sessionCell } from "./session-record.js";
import type { SessionRecords } from "./session-records.js";
import { SESSION_STATE } from "./state-values.js";
import { SUMMARIES, summaryCell } from "./summary-place.js";

/** What says that a session has changed since, apart from events after a number. */
export interface Moment {
  /** How many edits of its events there had been. */
  readonly edits: number;
  readonly log: EditLog;
  readonly hasEdits: boolean;
  /** The number of the first event that is not trimmed. */
  readonly first: number;
  /** Of the events that wrote metadata, summaries and state. */
  readonly digest: string;
}

/** A session, and up to which event. */
export interface Observed {
  readonly source: SessionIdentity;
  readonly upTo: number;
  /** A later session of the same name is another one. */
  readonly createdAt: number;
  readonly signal: AbortSignal | undefined;
}

/** The session as it is now. NOT_FOUND if it is gone. */
export async function observe(
  store: StateStore,
  records: SessionRecords,
  { source, upTo, createdAt, signal }: Observed,
): Promise<Moment> {
  const edits = await readEdits(store, source, signal);
  const { head, activity } = await records.findActivity(source, { signal });
  const found = await findCell(store, sessionCell(source), { signal });
  if (found === undefined || activity?.createdAt !== createdAt) throw noSession();
  const digest = new RestDigest(found.eventId);
  for (const { prefix, range } of restOf(source, upTo))
    for await (const page of headersUnder(store, source, prefix, { ...range, signal }))
      for (const record of page) digest.add(record);
  const { first } = head?.value ?? EMPTY_HEAD;
  return { ...edits, first: Math.min(first, upTo + 1), digest: digest.end() };
}

/** The edits of a session's events. */
export async function readEdits(
  store: StateStore,
  source: SessionIdentity,
  signal: AbortSignal | undefined,
): Promise<Pick<Moment, "log" | "edits" | "hasEdits">> {
  const found = await findCell(store, editLogCell(source), { signal });
  const log = found?.value ?? NO_EDITS;
  return { log, edits: log.count, hasEdits: found !== undefined };
}

/** The summaries that cover no event after a number, and the state. */
export function restOf(source: SessionIdentity, upTo: number): { prefix: string; range: PageRange }[] {
  const before = summaryCell(source, upTo + 1).kind;
  return [
    { prefix: itemPrefix(SUMMARIES), range: { before } },
    { prefix: itemPrefix(SESSION_STATE), range: {} },
  ];
}

/** A digest of what a session has beside its events: of the events that wrote it. */
export class RestDigest {
  readonly #hash: Hash;

  constructor(record: EventId) {
    this.#hash = createHash("sha256").update(record);
  }

  add({ kind, eventId }: Pick<RecordHeader, "kind" | "eventId">): void {
    this.#hash.update(`${kind}\0${eventId}\0`);
  }

  end(): string {
    return this.#hash.digest("base64url");
  }
}

/**
 * The numbers up to another of the events that were edited since. `many`: some of them were taken back, or there were more
 * edits than are known.
 */
export function changesSince(
  { edits, upTo }: { readonly edits: number; readonly upTo: number },
  { log }: Pick<Moment, "log">,
): number[] | "many" {
  if (log.forgotten > edits) return "many";
  const since = log.recent.filter(({ edit }) => edit > edits);
  if (since.some((edit) => "after" in edit && edit.after < upTo)) return "many";
  return since.flatMap((edit) => ("number" in edit && edit.number <= upTo ? [edit.number] : []));
}
