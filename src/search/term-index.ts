import SearchableMap from "minisearch/SearchableMap";
import { findsLonger } from "./words.js";

/** A document that was added: `remove` takes it. */
export interface Scored<T> {
  readonly value: T;
  /** How many different words each field has. */
  readonly lengths: readonly number[];
  readonly postings: readonly Postings<T>[];
  /** Of the word that is being scored; 0 before and after. */
  score: number;
}

/** Where a word stands: of each field, how often in which documents. */
interface Postings<T> {
  readonly word: string;
  readonly fields: readonly Map<Scored<T>, number>[];
}

/** The parameters of BM25+, and the weight of a longer word beside the one that was asked for, as MiniSearch has them. */
const [K, B, D] = [1.2, 0.7, 0.5];
const PREFIX_WEIGHT = 0.375;
const DISTANCE_WEIGHT = 0.3;

/**
 * Documents of several fields, scored by BM25+ (Lv and Zhai, CIKM 2011) for one word at a time. The scores are those of
 * MiniSearch, of which it has the tree of words. MiniSearch makes an object for each document that it finds: for a word that
 * stands in 10,000 of them, that takes ten times as long.
 */
export class TermIndex<T> {
  readonly #boosts: readonly number[];
  readonly #words = new SearchableMap<Postings<T>>();
  #size = 0;
  /** Of each field: how many documents have it, and the sum of their lengths. */
  readonly #totals: { documents: number; lengths: number }[];

  /** How much a word counts in each field. */
  constructor(boosts: readonly number[]) {
    this.#boosts = boosts;
    this.#totals = boosts.map(() => ({ documents: 0, lengths: 0 }));
  }

  /** Adds a document by the words of its fields. */
  add(value: T, fields: readonly (readonly string[])[]): Scored<T> {
    const postings = new Set<Postings<T>>();
    const counted = fields.map((words) => countsOf(words));
    const lengths = counted.map(({ size }) => size);
    const all: Postings<T>[] = [];
    const document = { value, lengths, postings: all, score: 0 };
    for (const [field, counts] of counted.entries()) {
      for (const [word, count] of counts) {
        const of = this.#postingsOf(word);
        of.fields[field]?.set(document, count);
        postings.add(of);
      }
      this.#count(field, counts.size, 1);
    }
    all.push(...postings);
    this.#size++;
    return document;
  }

  remove(document: Scored<T>): void {
    this.#size--;
    for (const [field, length] of document.lengths.entries()) this.#count(field, length, -1);
    for (const { word, fields } of document.postings) {
      for (const documents of fields) documents.delete(document);
      if (fields.every(({ size }) => size === 0)) this.#words.delete(word);
    }
  }

  /** Tells of each document in which a word, or a longer one that begins with it, is found, and its score. */
  score(word: string, tell: (value: T, score: number) => void): void {
    const found: Scored<T>[] = [];
    const exact = this.#words.get(word);
    if (exact !== undefined) this.#score(exact, 1, found);
    if (findsLonger(word))
      for (const [longer, postings] of this.#words.atPrefix(word)) {
        const distance = longer.length - word.length;
        const weight = (PREFIX_WEIGHT * longer.length) / (longer.length + DISTANCE_WEIGHT * distance);
        if (distance > 0) this.#score(postings, weight, found);
      }
    for (const document of found) {
      tell(document.value, document.score);
      document.score = 0;
    }
  }

  #score({ fields }: Postings<T>, weight: number, found: Scored<T>[]): void {
    for (const [field, documents] of fields.entries()) {
      const rarity = Math.log(1 + (this.#size - documents.size + 0.5) / (documents.size + 0.5));
      const factor = weight * (this.#boosts[field] as number) * rarity;
      const { documents: having, lengths } = this.#totals[field] as { documents: number; lengths: number };
      const perLength = (K * B * Math.max(1, having)) / Math.max(1, lengths);
      for (const [document, count] of documents) {
        const length = document.lengths[field] as number;
        if (document.score === 0) found.push(document);
        document.score += factor * (D + (count * (K + 1)) / (count + K * (1 - B) + perLength * length));
      }
    }
  }

  #postingsOf(word: string): Postings<T> {
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    const made = { word, fields: this.#boosts.map(() => new Map<Scored<T>, number>()) };
    this.#words.set(word, made);
    return made;
  }

  #count(field: number, length: number, sign: 1 | -1): void {
    const totals = this.#totals[field];
    if (totals === undefined || length === 0) return;
    totals.documents += sign;
    totals.lengths += sign * length;
  }
}

function countsOf(words: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}
