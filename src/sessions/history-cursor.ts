import type { SessionIdentity, StateStore } from "../contract/store.js";
import { findCell } from "../typed/cell-operations.js";
import { EMPTY_HEAD } from "../typed/journal-bounds.js";
import { type EditLog, editLogCell, NO_EDITS } from "./edit-log.js";
import { PAGE_BYTES } from "./event-sizes.js";
import type { EventPage, History, ReadEvent } from "./history.js";
import { headCell } from "./session-head.js";
import type { SessionRecords } from "./session-records.js";

/** What is followed. */
export interface Followed<E, Input> {
  readonly store: StateStore;
  readonly records: SessionRecords;
  readonly history: History<E, Input>;
  readonly owner: SessionIdentity;
}

/** What a reader that follows a session is told. */
export type HistoryChange<Event> =
  /** The next event, in the order of numbers. */
  | { readonly is: "event"; readonly event: Event }
  /** An event that was told before is another now: it was replaced or redacted. */
  | { readonly is: "changed"; readonly event: Event }
  /** The events after this number, up to the other, were taken back. Events behind them may have been told. */
  | { readonly is: "truncated"; readonly after: number; readonly upTo: number }
  /** The events up to this number were trimmed. */
  | { readonly is: "trimmed"; readonly upTo: number }
  /** More was edited meanwhile than is kept: forget all that was told. It is told anew from the first event that was wanted. */
  | { readonly is: "reset" }
  /** The session was deleted. Nothing follows. */
  | { readonly is: "deleted" };

interface CursorOptions {
  readonly from: number;
  readonly signal: AbortSignal;
  readonly damaged?: "mark";
}

/** Reads until the store has answered. */
type Reader = <R>(read: () => Promise<R>) => Promise<R>;

/** How many events are held for a reader that is slow. */
const PAGE = 16;
/** How often edits are asked for before events. */
const MAX_ROUNDS = 3;

/** What a reader of a session has been told, and what it has to be told next. */
export class HistoryCursor<E, Input> {
  readonly #followed: Followed<E, Input>;
  readonly #options: CursorOptions;
  /** The number of the next event. */
  #next: number;
  /** The events up to this number were trimmed, and the reader knows. */
  #trimmed: number | undefined;
  /** The last edit that the reader knows of. */
  #edit: number | undefined;

  constructor(followed: Followed<E, Input>, options: CursorOptions) {
    this.#followed = followed;
    this.#options = options;
    this.#next = options.from;
  }

  /** What is new, in order. Edits are read before events, so that none is missed: one may be told twice. */
  async *advance(reader: Reader): AsyncGenerator<HistoryChange<ReadEvent<E>>> {
    for (let isMore = true; isMore; ) {
      // While the reader was told of edits, there may have been more. A stream of them must not hold up events.
      for (let round = 0; round < MAX_ROUNDS && (yield* this.#edits(reader)); round++);
      const { events, isCut } = await this.#read(this.#next, PAGE, reader);
      isMore = isCut || events.length === PAGE;
      for (const event of events) {
        this.#next = ("upTo" in event ? event.upTo : event.number) + 1;
        yield { is: "event", event };
      }
    }
  }

  /** Returns whether it told anything. */
  async *#edits(reader: Reader): AsyncGenerator<HistoryChange<ReadEvent<E>>, boolean> {
    const { store, owner } = this.#followed;
    const { signal } = this.#options;
    const log = (await reader(() => findCell(store, editLogCell(owner), { signal })))?.value ?? NO_EDITS;
    const { first } = (await reader(() => findCell(store, headCell(owner), { signal })))?.value ?? EMPTY_HEAD;
    let hasTold = false;
    for await (const change of this.#editsOf(log, reader)) {
      hasTold = true;
      yield change;
    }
    const trimmed = this.#trimmed ?? first - 1;
    this.#trimmed = first - 1;
    if (first - 1 <= trimmed) return hasTold;
    yield { is: "trimmed", upTo: first - 1 };
    return true;
  }

  async *#editsOf(
    { count, recent, forgotten }: EditLog,
    reader: Reader,
  ): AsyncGenerator<HistoryChange<ReadEvent<E>>> {
    const known = this.#edit ?? count;
    this.#edit = count;
    if (forgotten > known) {
      this.#next = this.#options.from;
      yield { is: "reset" };
      return;
    }
    for (const edit of recent) {
      if (edit.edit <= known) continue;
      if ("after" in edit) {
        if (edit.after < this.#next - 1) yield { is: "truncated", after: edit.after, upTo: edit.upTo };
      } else if (edit.number >= this.#options.from && edit.number < this.#next) {
        const [event] = (await this.#read(edit.number, 1, reader)).events;
        // It may have been taken back since, which a later edit says.
        if (event?.number === edit.number) yield { is: "changed", event };
      }
    }
  }

  #read(from: number, limit: number, reader: Reader): Promise<EventPage<E>> {
    const { history, owner } = this.#followed;
    const { signal, damaged } = this.#options;
    const options = { from, limit, maxBytes: PAGE_BYTES, signal, ...(damaged && { damaged }) };
    return reader(() => history.readPage(owner, options));
  }
}
