import type { SessionIdentity } from "../contract/store.js";
import { type Cell, cellAt } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { readInteger, readObject } from "../validation/validate.js";

/** An edit of a session's events; edits are numbered from 1. */
export type Edit =
  /** The event of this number was replaced or redacted. */
  | { readonly edit: number; readonly number: number }
  /** The events after this number, up to the other, were taken back. */
  | { readonly edit: number; readonly after: number; readonly upTo: number };

/**
 * The edits of a session's events. Each edit writes this record, so edits of one session follow each other, and readers that
 * follow the session see that there was one.
 */
export interface EditLog {
  /** How many edits there were. */
  readonly count: number;
  /** The last edits, oldest first: of several of one event, only the last. */
  readonly recent: readonly Edit[];
  /** The number of the last edit that `recent` has no room for any more; 0 if there is none. */
  readonly forgotten: number;
}

export const NO_EDITS: EditLog = { count: 0, recent: [], forgotten: 0 };

/** How many edits the record names. A reader that has missed more begins again. */
const MAX_RECENT = 64;

const EDIT_LOG = mappedJson<EditLog>({
  write: (log) => ({ ...log }) as unknown as JsonValue,
  read(value) {
    const { count, recent, forgotten } = readObject(value, "edits") as EditLog;
    if (!Array.isArray(recent)) throw new Error("edits without a list");
    return {
      count: readCount(count, "count"),
      recent: recent.map(readEdit),
      forgotten: readCount(forgotten, "forgotten"),
    };
  },
});

/** The kind of the record of a session's edits. */
export const EDITS = "session.edits";

/** The cell of a session's edits. */
export function editLogCell(owner: SessionIdentity): Cell<EditLog> {
  return cellAt(owner, EDITS, EDIT_LOG);
}

/** The log after the event of a number was replaced or redacted. */
export function withChange(log: EditLog, number: number): EditLog {
  const others = log.recent.filter((edit) => !("number" in edit && edit.number === number));
  return withEdit(log, others, { edit: log.count + 1, number });
}

/** The log after the events after a number were taken back: nobody has to hear of what had been changed in them. */
export function withCut(log: EditLog, after: number, upTo: number): EditLog {
  const others = log.recent.filter((edit) => ("number" in edit ? edit.number <= after : edit.after < after));
  return withEdit(log, others, { edit: log.count + 1, after, upTo });
}

function withEdit({ forgotten }: EditLog, others: readonly Edit[], edit: Edit): EditLog {
  const recent = [...others, edit];
  const [oldest] = recent;
  if (recent.length <= MAX_RECENT) return { count: edit.edit, recent, forgotten };
  return { count: edit.edit, recent: recent.slice(1), forgotten: oldest?.edit ?? forgotten };
}

function readEdit(value: unknown): Edit {
  const { edit, ...what } = readObject(value, "edit") as {
    edit: unknown;
    number?: unknown;
    after?: unknown;
    upTo?: unknown;
  };
  const own = { edit: readInteger(edit, "edit", 1, Number.MAX_SAFE_INTEGER) };
  return "after" in what
    ? { ...own, after: readCount(what.after, "after"), upTo: readCount(what.upTo, "upTo") }
    : { ...own, number: readCount(what.number, "number") };
}

function readCount(value: unknown, field: string): number {
  return readInteger(value, field, 0, Number.MAX_SAFE_INTEGER);
}
