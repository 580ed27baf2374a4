import { createMemories, type Memories } from "../../../dist/src/memories/index.js";
import { EMBED } from "../embed.js";
import { openFresh, type Place } from "../fresh-store.js";
import { times } from "../kept/kept-work.js";
import { FIRST_SEARCH } from "../names.js";
import { randomIntegers } from "../random.js";
import type { SearchResult } from "../results.js";
import { percentile } from "../statistics.js";
import { frequentRank, textAt, WORDS, wordAt } from "../texts.js";

export interface SearchMemoriesInput extends Place {
  /** The memories of the user. */
  readonly count: number;
  /** How many searches of each sort. */
  readonly searches: number;
}

type Draw = (limit: number) => number;

const WHO = { tenant: "acme", user: "ada" };
const SENTENCE = 8;

/** What is searched for. The first word is found in most of the memories, that of rank 100 in 3 %, rare ones in a few. */
const QUERIES: Readonly<Record<string, (draw: Draw) => string>> = {
  "the first word": () => wordAt(1),
  "3 words of ranks 1 to 10": (draw) => words(3, () => 1 + draw(10)),
  "3 words of ranks 100 to 1,000": (draw) => words(3, () => 100 + draw(901)),
  "3 words of ranks from 5,000": (draw) => words(3, () => 5_000 + draw(WORDS - 5_000)),
  "8 words as frequent as in a text": (draw) => words(SENTENCE, () => frequentRank(draw)),
};
const AFTER_ADD = "8 words, each time after a memory was added";

/** A wrapper, and the times of its searches by what they searched for. */
interface Way {
  readonly way: string;
  readonly memories: Memories;
  readonly taken: Map<string, Taken[]>;
}

/** In milliseconds: by the clock on the wall, and of the process's processors. */
interface Taken {
  readonly ms: number;
  readonly cpuMs: number;
}

/** How long searches of one user take: the first, later ones, and those after a change; by words, and by meaning as well. */
export async function run({ count, searches, ...place }: SearchMemoriesInput): Promise<SearchResult[]> {
  const store = await openFresh(place);
  // With vectors, which a wrapper without `embed` does not look at.
  const filling = createMemories(store, { embed: EMBED });
  let added = 0;
  const add = () => filling.add(WHO, textAt(added++));
  await times(count, add);
  const ways: Way[] = [
    { way: "words", memories: createMemories(store), taken: new Map() },
    { way: "words and vectors", memories: createMemories(store, { embed: EMBED }), taken: new Map() },
  ];
  for (const way of ways) await search(way, FIRST_SEARCH, wordAt(100));
  for (const [query, textOf] of Object.entries(QUERIES)) {
    const draw = randomIntegers(1);
    for (let time = 0; time < searches; time++) {
      const text = textOf(draw);
      for (const way of ways) await search(way, query, text);
    }
  }
  const draw = randomIntegers(2);
  for (let time = 0; time < searches; time++) {
    const text = words(SENTENCE, () => frequentRank(draw));
    for (const way of ways) {
      await add();
      await search(way, AFTER_ADD, text);
    }
  }
  await store.close();
  return ways.flatMap(({ way, taken }) =>
    [...taken].map(([query, all]) => ({
      driver: place.driver,
      memories: count,
      way,
      query,
      searches: all.length,
      ms: percentiles(all.map(({ ms }) => ms)),
      cpuMs: percentiles(all.map(({ cpuMs }) => cpuMs)),
    })),
  );
}

/** Of everything there is. Words that are in no memory find nothing. */
async function search({ memories, taken }: Way, query: string, text: string): Promise<void> {
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const { found, notSearched, embedFailure } = await memories.search(WHO, text);
  const ms = performance.now() - started;
  const { user, system } = process.cpuUsage(cpuBefore);
  const left = Object.values(notSearched).reduce((sum, number) => sum + number, 0);
  if (embedFailure !== undefined || left > 0) throw new Error(`${left} memories were not searched`);
  if (query === "the first word" && found.length === 0) throw new Error("a word of most memories found none");
  const all = taken.get(query) ?? [];
  taken.set(query, all);
  all.push({ ms, cpuMs: (user + system) / 1_000 });
}

function words(count: number, rank: () => number): string {
  return Array.from({ length: count }, () => wordAt(rank())).join(" ");
}

function percentiles(values: readonly number[]): SearchResult["ms"] {
  const sorted = [...values].sort((a, b) => a - b);
  return { p50: percentile(sorted, 0.5), p95: percentile(sorted, 0.95) };
}
