import SearchableMap from "minisearch/SearchableMap";
import { findsLonger } from "./words.js";

/** Where a word stands: of each field, how often in which documents. */
interface Postings {
  readonly word: string;
  readonly fields: readonly Map<number, number>[];
}

/** What is needed to score a document and to remove it. */
interface Scored {
  /** How many different words each field has. */
  readonly lengths: readonly number[];
  readonly postings: readonly Postings[];
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
export class TermIndex {
  readonly #boosts: readonly number[];
  readonly #words = new SearchableMap<Postings>();
  readonly #documents = new Map<number, Scored>();
  /** Of each field: how many documents have it, and the sum of their lengths. */
  readonly #totals: { documents: number; lengths: number }[];

  /** How much a word counts in each field. */
  constructor(boosts: readonly number[]) {
    this.#boosts = boosts;
    this.#totals = boosts.map(() => ({ documents: 0, lengths: 0 }));
  }

  /** Adds a document by the words of its fields. */
  add(id: number, fields: readonly (readonly string[])[]): void {
    const postings = new Set<Postings>();
    const lengths = fields.map((words, field) => {
      const counts = new Map<string, number>();
      for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
      for (const [word, count] of counts) {
        const of = this.#postingsOf(word);
        of.fields[field]?.set(id, count);
        postings.add(of);
      }
      this.#count(field, counts.size, 1);
      return counts.size;
    });
    this.#documents.set(id, { lengths, postings: [...postings] });
  }

  remove(id: number): void {
    const { lengths, postings } = this.#documents.get(id) as Scored;
    this.#documents.delete(id);
    for (const [field, length] of lengths.entries()) this.#count(field, length, -1);
    for (const { word, fields } of postings) {
      for (const documents of fields) documents.delete(id);
      if (fields.every(({ size }) => size === 0)) this.#words.delete(word);
    }
  }

  /** The scores of the documents in which a word, or a longer one that begins with it, is found. */
  scores(word: string): Map<number, number> {
    const scores = new Map<number, number>();
    const exact = this.#words.get(word);
    if (exact !== undefined) this.#score(exact, 1, scores);
    if (!findsLonger(word)) return scores;
    for (const [longer, postings] of this.#words.atPrefix(word)) {
      const distance = longer.length - word.length;
      const weight = (PREFIX_WEIGHT * longer.length) / (longer.length + DISTANCE_WEIGHT * distance);
      if (distance > 0) this.#score(postings, weight, scores);
    }
    return scores;
  }

  #score({ fields }: Postings, weight: number, scores: Map<number, number>): void {
    const all = this.#documents.size;
    for (const [field, documents] of fields.entries()) {
      const rarity = Math.log(1 + (all - documents.size + 0.5) / (documents.size + 0.5));
      const factor = weight * (this.#boosts[field] as number) * rarity;
      const { documents: having, lengths } = this.#totals[field] as { documents: number; lengths: number };
      const mean = lengths / Math.max(1, having);
      for (const [id, count] of documents) {
        const length = (this.#documents.get(id) as Scored).lengths[field] as number;
        const score = D + (count * (K + 1)) / (count + K * (1 - B + (B * length) / mean));
        scores.set(id, (scores.get(id) ?? 0) + factor * score);
      }
    }
  }

  #postingsOf(word: string): Postings {
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    const made = { word, fields: this.#boosts.map(() => new Map<number, number>()) };
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
