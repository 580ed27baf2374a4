import MiniSearch from "minisearch";
import { expect, test } from "vitest";
import { TermIndex } from "../../src/search/term-index.js";
import { findsLonger } from "../../src/search/words.js";

/** Numbers that look as if they were random, the same each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

test("scores are those of MiniSearch, also after documents were removed and replaced", () => {
  const next = numbers(7);
  const words = Array.from({ length: 60 }, (_, n) => `w${n.toString(4)}x`.repeat(1 + (n % 2)));
  const some = (least: number) =>
    Array.from({ length: least + next(12) }, () => words[Math.min(next(60), next(60))] as string);
  const index = new TermIndex<number>([2, 1]);
  const added = new Map<number, ReturnType<typeof index.add>>();
  const documents = new Map<number, { id: number; heading: string[]; text: string[] }>();
  for (let id = 1; id <= 300; id++) {
    const document = { id, heading: some(1), text: some(1) };
    documents.set(id, document);
    added.set(id, index.add(id, [document.heading, document.text]));
    if (id % 3 > 0) continue;
    const gone = 1 + next(id);
    if (documents.delete(gone)) index.remove(added.get(gone) as ReturnType<typeof index.add>);
  }
  const oracle = new MiniSearch<{ id: number; heading: string[]; text: string[] }>({
    fields: ["heading", "text"],
    extractField: (document, field) => {
      const value = document[field as "id"] as unknown;
      return (Array.isArray(value) ? value.join(" ") : value) as string;
    },
    tokenize: (text) => text.split(" "),
    processTerm: (word) => word,
  });
  oracle.addAll([...documents.values()]);
  let found = 0;
  for (const word of [...words, "w", "w1", "w10", "w3", "nothing"]) {
    const expected = new Map<number, number>();
    const options = { tokenize: (one: string) => [one], prefix: findsLonger(word), boost: { heading: 2 } };
    for (const { id, score } of oracle.search(word, options)) expected.set(id as number, score);
    const scores = new Map<number, number>();
    index.score(word, (id, score) => scores.set(id, score));
    expect([...scores.keys()].sort(), word).toEqual([...expected.keys()].sort());
    for (const [id, score] of expected) expect(scores.get(id), word).toBeCloseTo(score, 8);
    found += scores.size;
  }
  expect(found).toBeGreaterThan(1_000);
});
