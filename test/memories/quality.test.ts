import { expect, test } from "vitest";
import { openStore } from "../../src/index.js";
import { createMemories } from "../../src/memories/index.js";
import "../../drivers/index.js";
import { MEMORIES, QUERIES } from "./labelled.js";

/** How many of the answers are among the first ten; and one divided by the place of the first of them. */
async function measured() {
  const store = await openStore("memory:");
  const memories = createMemories(store);
  const ann = { tenant: "acme", user: "ann" };
  await Promise.all(MEMORIES.map((content) => memories.add(ann, content)));
  const each = await Promise.all(
    QUERIES.map(async ([query, beginnings]) => {
      const found = (await memories.search(ann, query)).found.map(({ memory }) => memory.content);
      const isAnswer = (content: string) => beginnings.some((beginning) => content.startsWith(beginning));
      const place = found.findIndex(isAnswer);
      return {
        query,
        recall: found.filter(isAnswer).length / beginnings.length,
        reciprocal: place < 0 ? 0 : 1 / (place + 1),
      };
    }),
  );
  await store.close();
  return each;
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;

test("every label is that of one memory", () => {
  expect(MEMORIES.length).toBeGreaterThan(140);
  expect(new Set(MEMORIES).size).toBe(MEMORIES.length);
  for (const [, beginnings] of QUERIES)
    for (const beginning of beginnings)
      expect(
        MEMORIES.filter((content) => content.startsWith(beginning)),
        beginning,
      ).toHaveLength(1);
});

test("of the answers that have words of the query, nine of ten are among the first ten, and most come first", async () => {
  const each = await measured();
  const missed = each.filter(({ recall }) => recall < 1).map(({ query }) => query);
  expect(mean(each.map(({ recall }) => recall)), `missed: ${missed}`).toBeGreaterThanOrEqual(0.9);
  expect(mean(each.map(({ reciprocal }) => reciprocal))).toBeGreaterThanOrEqual(0.85);
});
