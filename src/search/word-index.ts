import { mapInSlices } from "../typed/slices.js";
import { type Scored, TermIndex } from "./term-index.js";
import { indexedWords, queryWords } from "./words.js";

/** A text to be found. */
export interface IndexedText {
  /** Distinguishes it from the other texts of its group. */
  readonly key: string;
  /** What names the whole: words in it count twice. */
  readonly heading?: string;
  readonly text?: string;
}

/** A group in which words of a query were found. */
export interface FoundGroup {
  readonly group: string;
  /** Larger than 0; the larger, the better it fits. */
  readonly score: number;
  /** The texts in which a word was found, each with its score. */
  readonly texts: readonly (readonly [key: string, score: number])[];
}

/** The texts of a group by their keys, and what a search adds up while it runs: nothing before and after. */
interface Group {
  readonly name: string;
  readonly places: Map<string, Scored<Place>>;
  score: number;
  best: number;
  found: [key: string, score: number][];
}

/** Of a text, what is needed to find and to remove it. The score is that of a search while it runs. */
interface Place {
  readonly group: Group;
  readonly key: string;
  readonly size: number;
  score: number;
}

/** Words beyond these of one query are not looked for. */
const MAX_WORDS = 32;
/** What a short text takes more than its length. */
const OVERHEAD = 200;
/** How much a word in the heading counts, and one in the text. */
const BOOSTS = [2, 1];

/**
 * Texts in groups, found by their words and ranked by BM25. A group's score is the sum, over the words of the query, of the
 * text in which the word weighs most: a group that has all words, be it in several texts, comes before one that has few.
 */
export class WordIndex {
  readonly #index = new TermIndex<Place>(BOOSTS);
  readonly #groups = new Map<string, Group>();
  #size = 0;

  /** The length of all texts in UTF-16 units, and 200 for each. */
  get size(): number {
    return this.#size;
  }

  /** The same of a group's texts. */
  sizeOf(group: string): number {
    let size = 0;
    for (const { value } of this.#groups.get(group)?.places.values() ?? []) size += value.size;
    return size;
  }

  /** Puts texts into a group; one of the same key is replaced. */
  async put(group: string, texts: readonly IndexedText[]): Promise<void> {
    await mapInSlices(texts, (text) => this.#put(group, text));
  }

  /** Removes the texts of a group, or those whose keys are not kept. */
  remove(group: string, isKept: (key: string) => boolean = () => false): void {
    const places = this.#groups.get(group)?.places;
    for (const [key, place] of places ?? []) if (!isKept(key)) this.#drop(place);
  }

  /** The groups in which a word of the query is found, the best first; equally good ones by name. */
  search(query: string): FoundGroup[] {
    const groups: Group[] = [];
    const places: Place[] = [];
    for (const word of queryWords(query).slice(0, MAX_WORDS)) {
      const withWord: Group[] = [];
      this.#index.score(word, (place, score) => {
        const { group } = place;
        if (place.score === 0) places.push(place);
        if (group.best === 0) withWord.push(group);
        place.score += score;
        group.best = Math.max(group.best, score);
      });
      for (const group of withWord) {
        if (group.score === 0) groups.push(group);
        group.score += group.best;
        group.best = 0;
      }
    }
    return foundGroups(groups, places).sort(comesBefore);
  }

  #put(name: string, { key, heading, text }: IndexedText): void {
    const group = this.#groups.get(name) ?? { name, places: new Map(), score: 0, best: 0, found: [] };
    const before = group.places.get(key);
    if (before !== undefined) this.#drop(before);
    this.#groups.set(name, group);
    const size = (heading?.length ?? 0) + (text?.length ?? 0) + OVERHEAD;
    const words = [indexedWords(heading ?? ""), indexedWords(text ?? "")];
    group.places.set(key, this.#index.add({ group, key, size, score: 0 }, words));
    this.#size += size;
  }

  #drop(document: Scored<Place>): void {
    const { group, key, size } = document.value;
    group.places.delete(key);
    if (group.places.size === 0) this.#groups.delete(group.name);
    this.#size -= size;
    this.#index.remove(document);
  }
}

/** Takes away what a search has added up. */
function foundGroups(groups: readonly Group[], places: readonly Place[]): FoundGroup[] {
  for (const place of places) {
    place.group.found.push([place.key, place.score]);
    place.score = 0;
  }
  return groups.map((group) => {
    const found = { group: group.name, score: group.score, texts: group.found };
    group.score = 0;
    group.found = [];
    return found;
  });
}

/** The order in which groups are found. */
export function comesBefore(a: Pick<FoundGroup, "score" | "group">, b: Pick<FoundGroup, "score" | "group">) {
  return b.score - a.score || (a.group < b.group ? -1 : a.group > b.group ? 1 : 0);
}
