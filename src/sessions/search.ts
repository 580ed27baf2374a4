import { invalid } from "../contract/errors.js";
import type { CallOptions, Identity, StateStore } from "../contract/store.js";
import { IndexCache } from "../search/index-cache.js";
import { comesBefore, type FoundGroup } from "../search/word-index.js";
import { readInteger, readNamed, readSignal } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import type { Session } from "./session.js";
import { type NotSearched, SessionIndex } from "./session-index.js";
import type { ReadSearchOptions, SessionSearchOptions, SessionTexts } from "./session-texts.js";

/** Which of the sessions that were found `search` returns. */
export interface SearchSessionsOptions extends CallOptions {
  /** 1 to 100. Default 20. */
  readonly limit?: number;
  /** The `next` of the page before, of the same query. Absent or `undefined`: the first page. */
  readonly after?: string | undefined;
}

/** A session in which words of the query were found. */
export interface SessionMatch<M> {
  /** The session, as it is now. */
  readonly session: Session<M>;
  /** The numbers of up to 10 events in which words were found, the best first; none where only the title has them. */
  readonly events: readonly number[];
  /** How well it fits, larger than 0. Only comparable within one search. */
  readonly score: number;
}

/** A page of sessions that were found. */
export interface SearchPage<M> {
  /** The best first. */
  readonly found: readonly SessionMatch<M>[];
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
  /** Sessions of the user that were not searched, or not wholly. Both numbers are 0 most of the time. */
  readonly notSearched: NotSearched;
}

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;
const MAX_EVENTS = 10;
const MAX_QUERY_BYTES = 4_096;
const DEFAULT_MAX_TEXT = 16_000_000;
/** All indexes of the process, in those of one user. */
const USERS_HELD = 4;
const MAX_INDEXES = 1_000;

/** Reads the session to show; `undefined` where it was deleted since, or is damaged. */
type Show<M> = (session: string) => Promise<Session<M> | undefined>;

/** Searches the sessions of users. */
export class SessionSearch {
  readonly #store: StateStore;
  readonly #texts: SessionTexts;
  readonly #maxText: number;
  readonly #indexes: IndexCache<SessionIndex>;

  constructor(store: StateStore, texts: SessionTexts, { maxText = DEFAULT_MAX_TEXT }: ReadSearchOptions) {
    this.#store = store;
    this.#texts = texts;
    this.#maxText = maxText;
    this.#indexes = new IndexCache({ maxSize: USERS_HELD * this.#maxText, maxCount: MAX_INDEXES });
  }

  async search<M>(
    user: Identity,
    query: string,
    options: SearchSessionsOptions | undefined,
    show: Show<M>,
  ): Promise<SearchPage<M>> {
    const { limit, after, signal } = readSearch(options);
    const words = readText(query, "query", MAX_QUERY_BYTES);
    const made = () => new SessionIndex(this.#store, this.#texts, user, this.#maxText);
    const ask = (index: SessionIndex) => ({
      all: index.search(words),
      notSearched: index.notSearched(),
    });
    const { all, notSearched } = await this.#indexes.query(nameOf(user), made, ask, signal);
    const behind = after === undefined ? all : all.filter((each) => comesBefore(after, each) < 0);
    const page = behind.slice(0, limit);
    const shown = await Promise.all(
      page.map(async (match) => {
        const session = await show(match.group);
        return session === undefined ? [] : [{ session, ...matchOf(match) }];
      }),
    );
    const last = page.at(-1);
    return {
      found: shown.flat(),
      ...(last !== undefined && behind.length > limit && { next: cursorOf(last) }),
      notSearched,
    };
  }

  /** Lets go of what is held in memory of a user. */
  forget(user: Identity): void {
    this.#indexes.forget(nameOf(user));
  }
}

/** The `search` option of `createSessions`. INVALID_RECORD. */
export function readSearchOptions<M, E>(options: {
  readonly search?: SessionSearchOptions<M, E>;
}): ReadSearchOptions {
  if (!("search" in options)) return {};
  const search = {
    ...readNamed(options.search, "search", ["textOf", "titleOf", "maxText"]),
  } as ReadSearchOptions;
  for (const name of ["textOf", "titleOf"] as const)
    if (name in search && typeof search[name] !== "function") throw invalid(`search.${name}`, "a function");
  if ("maxText" in search) readInteger(search.maxText, "search.maxText", 1_000_000, 1_000_000_000);
  return search;
}

function readSearch(options: SearchSessionsOptions = {}) {
  readNamed(options, "options", ["limit", "after", "signal"]);
  return {
    limit: "limit" in options ? readInteger(options.limit, "limit", 1, MAX_LIMIT) : DEFAULT_LIMIT,
    after: options.after === undefined ? undefined : readCursor(options.after),
    signal: readSignal(options),
  };
}

function matchOf({ texts, score }: FoundGroup) {
  const best = [...texts].sort(([, a], [, b]) => b - a);
  const numbers = best.map(([key]) => Number(key)).filter((number) => number > 0);
  return { events: numbers.slice(0, MAX_EVENTS), score };
}

function cursorOf({ score, group }: FoundGroup): string {
  return `${score}/${group}`;
}

function readCursor(value: unknown): Pick<FoundGroup, "score" | "group"> {
  const [, score, group] = (typeof value === "string" && /^([\d.e+-]+)\/(.+)$/su.exec(value)) || [];
  if (group === undefined || !(Number(score) > 0)) throw invalid("after", "the next of another page");
  return { score: Number(score), group };
}

function nameOf({ tenant, user }: Identity): string {
  return `${tenant}\0${user}`;
}
