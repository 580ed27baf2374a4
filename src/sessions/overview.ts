import { headersUnder } from "../content/paging.js";
import type { SessionIdentity, StateStore } from "../contract/store.js";
import { findCell } from "../typed/cell-operations.js";
import { EMPTY_HEAD } from "../typed/journal-bounds.js";
import { isRemoved } from "../typed/journal-entry.js";
import { editLogCell } from "./edit-log.js";
import type { History } from "./history.js";
import { headCell } from "./session-head.js";

/** What a list of sessions shows of a session's events. */
export interface SessionOverview {
  /** How many there are: without those that were trimmed or taken back. */
  readonly events: number;
  /**
   * The beginning of the first text of a person: of the first of 20 events whose `role` or `type` is `user` or `human`, or that is
   * a string. Up to 200 UTF-16 units; absent if there is none.
   */
  readonly firstText?: string;
}

type Signal = AbortSignal | undefined;

const PAGE = 1_000;
/** The first text is sought among so many events. */
const LOOKED_AT = 20;
/** And among so many bytes of them, or in one larger event. */
const LOOKED_AT_BYTES = 4 * 1024 * 1024;
/** In UTF-16 units. */
const MAX_TEXT = 200;
const PERSONS: readonly unknown[] = ["user", "human"];

/** NOT_FOUND. Events that cannot be read have no text. */
export async function overviewOf<E, Input>(
  store: StateStore,
  history: History<E, Input>,
  owner: SessionIdentity,
  { textOf, signal }: { readonly textOf: (event: unknown) => string; readonly signal: Signal },
): Promise<SessionOverview> {
  const range = { limit: LOOKED_AT, maxBytes: LOOKED_AT_BYTES, damaged: "mark", signal } as const;
  const [first, events] = await Promise.all([
    history.read(owner, range),
    countEvents(store, history.journal.places, owner, signal),
  ]);
  const texts = first.map(({ value }) => (isOfPerson(value) ? textOf(value) : ""));
  const text = texts.find((found) => typeof found === "string" && found !== "");
  return { events, ...(text !== undefined && { firstText: text.slice(0, MAX_TEXT).toWellFormed() }) };
}

/** Where no event was ever edited, none is read. */
async function countEvents(
  store: StateStore,
  places: History<never, never>["journal"]["places"],
  owner: SessionIdentity,
  signal: Signal,
): Promise<number> {
  const [head, edits] = await Promise.all([
    findCell(store, headCell(owner), { signal }),
    findCell(store, editLogCell(owner), { signal }),
  ]);
  const { first } = head?.value ?? EMPTY_HEAD;
  const from = places.kind(first);
  if (edits === undefined) return store.count(owner, places.prefix, { from, signal });
  let count = 0;
  // A record may stand for events that were taken back.
  for await (const page of headersUnder(store, owner, places.prefix, { from, signal }, PAGE))
    count += page.filter((header) => !isRemoved(header)).length;
  return count;
}

function isOfPerson(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return typeof value === "string";
  const { role, type } = value as { readonly role?: unknown; readonly type?: unknown };
  return PERSONS.includes(role ?? type);
}
