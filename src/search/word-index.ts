import MiniSearch from "minisearch";
import { mapInSlices } from "../typed/slices.js";
import { findsLonger, indexedWords, queryWords } from "./words.js";

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
  /** The scores of its texts in which a word was found, by their keys. */
  readonly texts: ReadonlyMap<string, number>;
}

interface Document {
  readonly id: number;
  readonly heading: string | undefined;
  readonly text: string | undefined;
}

/** Of a text, what is needed to find and to remove it. */
interface Place {
  readonly group: string;
  readonly key: string;
  readonly size: number;
}

/** Words beyond these of one query are not looked for. */
const MAX_WORDS = 32;
/** What a short text takes more than its length. */
const OVERHEAD = 200;
const FIELDS = ["heading", "text"];
const BOOST = { heading: 2 };

/**
 * Texts in groups, found by their words and ranked by BM25. A group's score is the sum, over the words of the query, of the
 * text in which the word weighs most: a group that has all words, be it in several texts, comes before one that has few.
 */
export class WordIndex {
  readonly #index = new MiniSearch<Document>({
    fields: FIELDS,
    tokenize: indexedWords,
    processTerm: (word) => word,
  });
  readonly #groups = new Map<string, Map<string, number>>();
  readonly #places = new Map<number, Place>();
  #lastId = 0;
  #size = 0;

  /** The length of all texts in UTF-16 units, and 200 for each. */
  get size(): number {
    return this.#size;
  }

  /** The same of a group's texts. */
  sizeOf(group: string): number {
    let size = 0;
    for (const id of this.#groups.get(group)?.values() ?? []) size += this.#places.get(id)?.size ?? 0;
    return size;
  }

  /** Puts texts into a group; one of the same key is replaced. */
  async put(group: string, texts: readonly IndexedText[]): Promise<void> {
    await mapInSlices(texts, (text) => this.#put(group, text));
  }

  /** Removes the texts of a group, or those whose keys are not kept. */
  remove(group: string, isKept: (key: string) => boolean = () => false): void {
    const ids = this.#groups.get(group);
    for (const [key, id] of ids ?? []) if (!isKept(key)) this.#drop(id);
  }

  /** The groups in which a word of the query is found, the best first; equally good ones by name. */
  search(query: string): FoundGroup[] {
    const found = new Map<string, { score: number; readonly texts: Map<string, number> }>();
    for (const word of queryWords(query).slice(0, MAX_WORDS)) {
      const best = new Map<string, number>();
      for (const { id, score } of this.#documentsWith(word)) {
        const { group, key } = this.#places.get(id) as Place;
        const of = found.get(group) ?? { score: 0, texts: new Map() };
        found.set(group, of);
        of.texts.set(key, (of.texts.get(key) ?? 0) + score);
        best.set(group, Math.max(best.get(group) ?? 0, score));
      }
      for (const [group, score] of best) (found.get(group) as { score: number }).score += score;
    }
    return Array.from(found, ([group, { score, texts }]) => ({ group, score, texts })).sort(comesBefore);
  }

  #documentsWith(word: string): { readonly id: number; readonly score: number }[] {
    return this.#index.search(word, { tokenize: (one) => [one], prefix: findsLonger(word), boost: BOOST });
  }

  #put(group: string, { key, heading, text }: IndexedText): void {
    const keys = this.#groups.get(group) ?? new Map<string, number>();
    const before = keys.get(key);
    if (before !== undefined) this.#drop(before);
    this.#groups.set(group, keys);
    const id = ++this.#lastId;
    keys.set(key, id);
    const size = (heading?.length ?? 0) + (text?.length ?? 0) + OVERHEAD;
    this.#places.set(id, { group, key, size });
    this.#size += size;
    this.#index.add({ id, heading, text });
  }

  #drop(id: number): void {
    const { group, key, size } = this.#places.get(id) as Place;
    const keys = this.#groups.get(group);
    keys?.delete(key);
    if (keys?.size === 0) this.#groups.delete(group);
    this.#places.delete(id);
    this.#size -= size;
    // What it leaves in the lists of words goes when that is much.
    this.#index.discard(id);
  }
}

/** The order in which groups are found. */
export function comesBefore(a: Pick<FoundGroup, "score" | "group">, b: Pick<FoundGroup, "score" | "group">) {
  return b.score - a.score || (a.group < b.group ? -1 : a.group > b.group ? 1 : 0);
}
