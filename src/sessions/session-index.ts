import type { Identity, SessionIdentity, StateStore } from "../contract/store.js";
import { type FoundGroup, WordIndex } from "../search/word-index.js";
import { type SessionStamp, stampsOf } from "./session-stamps.js";
import type { SessionTexts } from "./session-texts.js";

/** Sessions that a search did not look at, or not wholly. */
export interface NotSearched {
  /** Something of them is damaged. */
  readonly damaged: number;
  /** Their older events, or all of them, are beyond what is held in memory. */
  readonly beyondMemory: number;
}

/** What the index has of a session. */
interface Known {
  readonly stamp: SessionStamp;
  readonly record: string | undefined;
  /** The number of the last event whose text it has; `undefined` where it has no events of the session. */
  readonly last: number | undefined;
  readonly isWhole: boolean;
  readonly isDamaged: boolean;
}

/** The sessions of one user that are searched, those changed last: more would take too long to be compared. */
const MAX_SESSIONS = 10_000;
const MAX_STAMPS = 100_000;
/** The share of the memory that one session may take. */
const SHARE = 1 / 4;
/** Sessions read at once. */
const AT_ONCE = 16;
/** When older events had to go, others come back only where there is much room. */
const REFILL = 0.75;
/** The key of a session's title among its texts. */
const TITLE = "";

/** The words of the sessions of one user, in memory. */
export class SessionIndex {
  readonly #store: StateStore;
  readonly #texts: SessionTexts;
  readonly #user: Identity;
  readonly #maxText: number;
  readonly #words = new WordIndex();
  readonly #known = new Map<string, Known>();
  #left = 0;

  constructor(store: StateStore, texts: SessionTexts, user: Identity, maxText: number) {
    this.#store = store;
    this.#texts = texts;
    this.#user = user;
    this.#maxText = maxText;
  }

  get size(): number {
    return this.#words.size;
  }

  /** Reads what has changed since the last time. Sessions are in it as of a moment after the call began. */
  async refresh(signal: AbortSignal): Promise<void> {
    const stamps = await stampsOf(this.#store, this.#user, MAX_STAMPS, signal);
    const current = stamps.sort((a, b) => b.changedAt - a.changedAt).slice(0, MAX_SESSIONS);
    this.#left = stamps.length - current.length;
    const names = new Set(current.map(({ session }) => session));
    for (const session of this.#known.keys()) if (!names.has(session)) this.#forget(session);
    const isChanged = (stamp: SessionStamp) => !isSame(this.#known.get(stamp.session)?.stamp, stamp);
    await this.#readAll(current.filter(isChanged), signal);
    this.#spare(current);
    const withoutEvents = ({ session }: SessionStamp) => this.#known.get(session)?.last === undefined;
    await this.#readAll(current.filter(withoutEvents), signal, REFILL * this.#maxText);
  }

  search(query: string): FoundGroup[] {
    return this.#words.search(query);
  }

  notSearched(): NotSearched {
    const known = [...this.#known.values()];
    return {
      damaged: known.filter(({ isDamaged }) => isDamaged).length,
      beyondMemory: this.#left + known.filter(({ isWhole }) => !isWhole).length,
    };
  }

  /** Reads sessions, until so much text is held; of the others, with no such bound, their titles. */
  async #readAll(
    stamps: readonly SessionStamp[],
    signal: AbortSignal,
    upTo = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    for (let start = 0; start < stamps.length && this.size < upTo; start += AT_ONCE) {
      signal.throwIfAborted();
      await Promise.all(stamps.slice(start, start + AT_ONCE).map((stamp) => this.#read(stamp, signal)));
    }
  }

  async #read(stamp: SessionStamp, signal: AbortSignal): Promise<void> {
    const { session } = stamp;
    const owner = { tenant: this.#user.tenant, user: this.#user.user, session };
    const head = await this.#texts.head(owner, signal);
    const before = this.#known.get(session);
    const isLonger =
      before?.last !== undefined && before.record === head.record && before.stamp.edits === stamp.edits;
    if (isLonger) this.#words.remove(session, (key) => key === TITLE || Number(key) >= head.first);
    const added = await this.#events(owner, isLonger ? (before.last as number) + 1 : 1, signal);
    if (!isLonger) this.#words.remove(session);
    if (head.title !== "") await this.#words.put(session, [{ key: TITLE, heading: head.title }]);
    else this.#words.remove(session, (key) => key !== TITLE);
    await this.#words.put(session, added?.texts ?? []);
    this.#known.set(session, {
      stamp,
      record: head.record,
      last: added && Math.max(added.last, isLonger ? (before.last as number) : 0),
      isWhole: added?.isCut === false && !(isLonger && !before.isWhole),
      isDamaged: head.isDamaged || added?.isDamaged === true || (isLonger && before.isDamaged),
    });
  }

  /** `undefined` where there is no room for more text. */
  async #events(owner: SessionIdentity, downTo: number, signal: AbortSignal) {
    const room = Math.min(this.#maxText - this.size, this.#maxText * SHARE);
    return room <= 0 ? undefined : await this.#texts.events(owner, { downTo, room, signal });
  }

  /** Gives up the events of sessions that are too long, and of those changed longest ago where all are too much. */
  #spare(newestFirst: readonly SessionStamp[]): void {
    for (const { session } of newestFirst)
      if (this.#words.sizeOf(session) > 2 * SHARE * this.#maxText) this.#giveUpEvents(session);
    for (const { session } of [...newestFirst].reverse()) {
      if (this.size <= this.#maxText) return;
      this.#giveUpEvents(session);
    }
  }

  #giveUpEvents(session: string): void {
    this.#words.remove(session, (key) => key === TITLE);
    const known = this.#known.get(session);
    if (known !== undefined) this.#known.set(session, { ...known, last: undefined, isWhole: false });
  }

  #forget(session: string): void {
    this.#words.remove(session);
    this.#known.delete(session);
  }
}

function isSame(known: SessionStamp | undefined, { head, edits }: SessionStamp): boolean {
  return known !== undefined && known.head === head && known.edits === edits;
}
