import { Outdated } from "../content/outdated.js";
import { recordsUnder } from "../content/paging.js";
import { isStateError, StateError } from "../contract/errors.js";
import type { SessionIdentity, StateStore } from "../contract/store.js";
import { decodeRecord } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import { json } from "../typed/codec.js";
import { exportedValue } from "../typed/exporting/exported-value.js";
import { EMPTY_HEAD } from "../typed/journal-bounds.js";
import type { FoundEntry } from "../typed/journal-read.js";
import { itemPrefix } from "../typed/names.js";
import { noSession } from "./errors.js";
import { eventPages } from "./event-pages.js";
import {
  EXPORT_VERSION,
  type ExportedEvent,
  type ExportLines,
  exportedRedaction,
  exportedSession,
  type LineName,
  lineOf,
} from "./export-lines.js";
import type { History } from "./history.js";
import { changesSince, observe, RestDigest, readEdits, restOf } from "./moments.js";
import { eventOf } from "./session-event.js";
import { sessionCell } from "./session-record.js";
import type { SessionRecords } from "./session-records.js";
import { SUMMARIES } from "./summary-place.js";

/** What is exported. */
export interface Exported {
  readonly store: StateStore;
  readonly records: SessionRecords;
  readonly history: History<unknown, never>;
  readonly source: SessionIdentity;
  readonly signal: AbortSignal | undefined;
}

const VALUES = json();

/**
 * The lines of a session. In the end, what was read is compared with the session as it is then: they are of one moment, or
 * UNAVAILABLE (`busy`) is thrown in the place of the last line.
 */
export async function* exportSession(exported: Exported): AsyncGenerator<string, void, undefined> {
  const { store, records, source, signal } = exported;
  const before = await readEdits(store, source, signal);
  const { head, activity } = await records.findActivity(source, { signal });
  const found = await findCell(store, sessionCell(source), { signal });
  if (found === undefined || activity === undefined) throw noSession();
  const { first, next } = head?.value ?? EMPTY_HEAD;
  let lines = 0;
  const line = <N extends LineName>(name: N, content: ExportLines[N]): string => {
    lines++;
    return lineOf(name, content);
  };
  const { tenant, user, session } = source;
  yield line("export", { of: "session", version: EXPORT_VERSION, identity: { tenant, user, session } });
  yield line("session", exportedSession(found.value, activity, { first, next }));
  const upTo = next - 1;
  const range = { owner: source, after: first - 1, upTo, signal };
  for await (const page of eventPages(store, exported.history.journal.places, range))
    for (const entry of page) yield line("event", await exportedEvent(exported, entry, upTo));
  const digest = new RestDigest(found.eventId);
  for (const { prefix, range } of restOf(source, upTo))
    for await (const page of recordsUnder(store, source, prefix, { ...range, signal }))
      for (const record of page) {
        digest.add(record);
        const id = record.kind.slice(prefix.length);
        const content = { at: record.updatedAt.toISOString(), value: await decodeRecord(VALUES, record) };
        yield prefix === itemPrefix(SUMMARIES)
          ? line("summary", { upTo: Number(id), ...content })
          : line("state", { key: id, ...content });
      }
  const { createdAt } = activity;
  const now = await observe(store, records, { source, upTo, createdAt, signal });
  const edited = changesSince({ edits: before.edits, upTo }, now);
  const isSame =
    edited.length === 0 && now.first === Math.min(first, upTo + 1) && now.digest === digest.end();
  if (!isSame) throw changedMeanwhile();
  yield lineOf("end", { lines });
}

/** What does not decode is marked. What a newer release wrote is not damaged. */
async function exportedEvent(
  { history, source, signal }: Exported,
  entry: FoundEntry,
  upTo: number,
): Promise<ExportedEvent> {
  if (entry.is === "damaged")
    return { number: entry.from, upTo: Math.min(entry.number, upTo), damage: entry.error.code };
  const { number, id } = entry;
  const at = entry.at.toISOString();
  if (entry.is === "redacted") return { number, id, at, redacted: exportedRedaction(entry.redacted) };
  let whole = entry;
  try {
    whole = await history.journal.whole(source, entry, { signal });
    await eventOf(history.journal, source, whole);
  } catch (error) {
    if (error instanceof Outdated) throw changedMeanwhile();
    if (isStateError(error, "CORRUPT")) return { number, upTo: number, damage: error.code };
    if (!isStateError(error, "SCHEMA_TOO_NEW")) throw error;
  }
  const { replacedAt } = entry;
  return {
    number,
    id,
    at,
    ...(replacedAt && { replacedAt: replacedAt.toISOString() }),
    ...(await exportedValue(whole.bytes, whole.version)),
  };
}

function changedMeanwhile(): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", "the session was changed while it was exported: export it again", {
    details: { reason: "busy" },
  });
}
