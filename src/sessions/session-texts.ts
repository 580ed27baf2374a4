import { Outdated } from "../content/outdated.js";
import { invalid } from "../contract/errors.js";
import type { SessionIdentity, StateStore } from "../contract/store.js";
import type { IndexedText } from "../search/word-index.js";
import { findCell } from "../typed/cell-operations.js";
import { EMPTY_HEAD } from "../typed/journal-bounds.js";
import type { FoundEntry } from "../typed/journal-read.js";
import { mapInSlices } from "../typed/slices.js";
import { isDamage } from "./errors.js";
import { bytesOf, isElsewhere } from "./event-sizes.js";
import { usualText, usualTitle } from "./event-text.js";
import type { History } from "./history.js";
import type { MetadataCodec } from "./metadata.js";
import { eventOf } from "./session-event.js";
import { headCell } from "./session-head.js";
import { sessionCell } from "./session-record.js";

/** Which texts of sessions can be searched. */
export interface SessionSearchOptions<M, E> {
  /** The text of an event. Default: a string, its `content`, `text` or `parts`, and arrays of those. */
  readonly textOf?: (event: E) => string;
  /** The title of a session. Default: the metadata's `title` or `name`. */
  readonly titleOf?: (metadata: M) => string;
  /**
   * How much text of a user's sessions is held in memory to be searched, in UTF-16 units, of which each event and each title
   * takes 200 more than it has: 1,000,000 to 1,000,000,000. Default 16,000,000. The process holds four times as much for all
   * users together.
   */
  readonly maxText?: number;
}

/** The same options, checked. */
export type ReadSearchOptions = SessionSearchOptions<unknown, unknown>;

/** What a session's record and head say that is searched. */
export interface SearchedHead {
  /** The event that wrote the record: another one for a session that was created anew. `undefined`: there is none. */
  readonly record: string | undefined;
  readonly title: string;
  /** The number of the first event that is not trimmed. */
  readonly first: number;
  readonly isDamaged: boolean;
}

/** The texts of events, the last first. */
export interface EventTexts {
  readonly texts: readonly IndexedText[];
  /** The number of the last event; 0 if there is none. */
  readonly last: number;
  /** Whether there are more, for which there was no room. */
  readonly isCut: boolean;
  readonly isDamaged: boolean;
}

const FIRST_PAGE = 16;
const MOST_PER_PAGE = 1_000;
const GROWTH = 4;
const PAGE_BYTES = 4 * 1024 * 1024;
/** Of longer texts, the beginning is searched. In UTF-16 units. */
const MAX_TEXT = 65_536;
/** Of large events of one session, so much is read at once: the last ones. */
const MAX_LARGE_BYTES = 16 * 1024 * 1024;

/** Reads the texts of sessions. What is damaged is left out, and said to be. */
export class SessionTexts {
  readonly #store: StateStore;
  readonly #history: History<unknown, never>;
  readonly #metadata: Pick<MetadataCodec<unknown, never>, "read">;
  readonly #textOf: (event: unknown) => string;
  readonly #titleOf: (metadata: unknown) => string;

  constructor(
    store: StateStore,
    history: History<unknown, never>,
    metadata: Pick<MetadataCodec<unknown, never>, "read">,
    { textOf = usualText, titleOf = usualTitle }: ReadSearchOptions,
  ) {
    this.#store = store;
    this.#history = history;
    this.#metadata = metadata;
    this.#textOf = textOf;
    this.#titleOf = titleOf;
  }

  async head(owner: SessionIdentity, signal: AbortSignal): Promise<SearchedHead> {
    let isDamaged = false;
    const readable = async <V>(read: Promise<V>): Promise<V | undefined> => {
      try {
        return await read;
      } catch (error) {
        if (!isDamage(error)) throw error;
        isDamaged = true;
        return undefined;
      }
    };
    const [head, record] = await Promise.all([
      readable(findCell(this.#store, headCell(owner), { signal })),
      readable(findCell(this.#store, sessionCell(owner), { signal })),
    ]);
    const metadata =
      record && (await readable(this.#metadata.read(record.value.metadata, sessionCell(owner))));
    const title = metadata === undefined ? "" : readText(this.#titleOf(metadata), "titleOf");
    return { record: record?.eventId, title, first: (head?.value ?? EMPTY_HEAD).first, isDamaged };
  }

  /** From the last event down to a number, as far as there is room. */
  async events(
    owner: SessionIdentity,
    {
      downTo,
      room,
      signal,
    }: { readonly downTo: number; readonly room: number; readonly signal: AbortSignal },
  ): Promise<EventTexts> {
    const texts: IndexedText[] = [];
    const read = { texts, last: 0, isDamaged: false };
    const large = { left: MAX_LARGE_BYTES };
    let left = room;
    let from: number | undefined;
    for (let limit = FIRST_PAGE; ; ) {
      const page = await this.#page(owner, { from, limit, signal });
      if (page === undefined) return { ...read, isDamaged: true, isCut: false };
      const wanted = page.filter(({ number }) => number >= downTo);
      read.last ||= page[0]?.number ?? 0;
      const found = await mapInSlices(wanted, (entry) => this.#textOfEntry(owner, entry, large, signal));
      for (const { key, text } of found) {
        if (left <= 0) return { ...read, isCut: true };
        if (text === undefined) read.isDamaged = true;
        else if (text !== "") texts.push({ key, text });
        left -= text?.length ?? 0;
      }
      from = lowest(page) - 1;
      if (wanted.length < limit || from < downTo) return { ...read, isCut: large.left < 0 };
      limit = Math.max(1, Math.min(limit * GROWTH, MOST_PER_PAGE, Math.floor(PAGE_BYTES / meanBytes(page))));
    }
  }

  /** `undefined` where the head does not decode, so that nobody knows which events there are. */
  async #page(
    owner: SessionIdentity,
    range: { readonly from: number | undefined; readonly limit: number; readonly signal: AbortSignal },
  ): Promise<FoundEntry[] | undefined> {
    try {
      return await this.#history.journal.readStored(owner, { ...range, reverse: true }, true);
    } catch (error) {
      if (!isDamage(error)) throw error;
      return undefined;
    }
  }

  /** Without a text where the event is damaged; an empty one where it is large, and there is no room to read it. */
  async #textOfEntry(
    owner: SessionIdentity,
    entry: FoundEntry,
    large: { left: number },
    signal: AbortSignal,
  ): Promise<{ readonly key: string; readonly text?: string }> {
    const key = String(entry.is === "damaged" ? entry.from : entry.number);
    if (isElsewhere(entry)) {
      large.left -= bytesOf(entry);
      if (large.left < 0) return { key, text: "" };
    }
    const event = await eventOf(this.#history.journal, owner, entry, { marksDamage: true, signal }).catch(
      (error) => {
        // It was changed since it was found, which the next search sees.
        if (error instanceof Outdated) return undefined;
        throw error;
      },
    );
    if (event === undefined) return { key, text: "" };
    if ("damage" in event) return { key };
    if (event.redacted !== undefined) return { key, text: "" };
    return { key, text: readText(this.#textOf(event.value), "textOf") };
  }
}

function lowest(page: readonly FoundEntry[]): number {
  const last = page.at(-1);
  return last?.is === "damaged" ? last.from : (last?.number ?? 0);
}

function meanBytes(page: readonly FoundEntry[]): number {
  const bytes = page.reduce((sum, entry) => sum + (entry.is === "value" ? entry.bytes.length : 0), 1);
  return bytes / page.length;
}

function readText(text: unknown, field: string): string {
  if (typeof text !== "string") throw invalid(field, "a function that returns a string");
  return text.slice(0, MAX_TEXT);
}
