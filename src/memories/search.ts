import type { Identity, StateStore } from "../contract/store.js";
import { IndexCache } from "../search/index-cache.js";
import type { Clock } from "../typed/time.js";
import { readInteger, readOptions, readSignal } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import type { Embedder } from "./embedder.js";
import { embedded, findMemory } from "./embedding.js";
import { readFilter } from "./filter.js";
import type { FoundMemory, MemorySearch, SearchMemoriesOptions } from "./memory.js";
import { MemoryIndex, type MemoryQuery, type RankedMemory } from "./memory-index.js";
import { memoryAt } from "./stored-memory.js";

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 100;
const MAX_QUERY_BYTES = 4_096;
const MAX_INDEXES = 1_000;

/** Searches the memories of users and tenants. */
export class MemorySearches {
  readonly #store: StateStore;
  readonly #now: Clock;
  readonly #embedder: Embedder | undefined;
  readonly #indexes: IndexCache<MemoryIndex>;
  readonly #maxSize: number;

  constructor(store: StateStore, now: Clock, embedder: Embedder | undefined, maxIndexBytes: number) {
    this.#store = store;
    this.#now = now;
    this.#embedder = embedder;
    this.#maxSize = maxIndexBytes / 2;
    this.#indexes = new IndexCache({ maxSize: maxIndexBytes, maxCount: MAX_INDEXES });
  }

  async search(
    owner: Identity,
    query: unknown,
    options: SearchMemoriesOptions | undefined,
  ): Promise<MemorySearch> {
    const words = readText(query, "query", MAX_QUERY_BYTES);
    const given = readOptions(options, ["topics", "filter", "limit", "signal"]);
    const isWanted = readFilter(given);
    const limit = "limit" in given ? readInteger(given.limit, "limit", 1, MAX_LIMIT) : DEFAULT_LIMIT;
    const signal = readSignal(given);
    const { vector, ...failure } = words === "" ? {} : await embedded(this.#embedder, words, signal);
    const ask = (index: MemoryIndex) => {
      const asked: MemoryQuery = { words, vector, isWanted, now: this.#now() };
      return {
        ranked: index.search(asked),
        notSearched: index.notSearched(this.#embedder?.model, asked),
      };
    };
    const made = () => new MemoryIndex(this.#store, owner, this.#maxSize);
    const { ranked, notSearched } = await this.#indexes.query(nameOf(owner), made, ask, signal);
    const found: FoundMemory[] = [];
    for (let start = 0; start < ranked.length && found.length < limit; start += limit) {
      const some = ranked.slice(start, start + limit);
      const shown = await Promise.all(some.map((each) => this.#show(owner, each, isWanted, signal)));
      found.push(...shown.flat());
    }
    return { found: found.slice(0, limit), ...failure, notSearched };
  }

  /** Nothing where the memory was deleted or damaged, is past its time or is no longer asked for since. */
  async #show(
    owner: Identity,
    { id, score, similarity }: RankedMemory,
    isWanted: MemoryQuery["isWanted"],
    signal: AbortSignal | undefined,
  ): Promise<FoundMemory[]> {
    const seen = await findMemory(this.#store, { owner, id }, signal);
    const memory = seen && memoryAt(seen, this.#now());
    if (memory === undefined || !isWanted(memory)) return [];
    return [{ memory, score, ...(similarity !== undefined && { similarity }) }];
  }
}

/** No name of a user is that of none. */
function nameOf({ tenant, user }: Identity): string {
  return `${tenant}\0${user}`;
}
