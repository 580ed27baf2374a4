import assert from "node:assert/strict";
import { createMemories, type Memories, type MemoriesOf } from "../../src/memories/index.js";
import type { ConformanceCase } from "../harness/case.js";
import { ROUNDS, severalOf } from "./several.js";

async function foundBy(memories: Memories, who: MemoriesOf, query: string): Promise<string[]> {
  const { found } = await memories.search(who, query);
  return found.map(({ memory }) => memory.content).sort();
}

/** What memories promise, as far as it depends on the store. */
export const memoryCases: readonly ConformanceCase[] = [
  {
    id: "memories/same-content-once",
    rule: "Of several stores that add the same content at once one adds a memory, and all are told which it is.",
    needs: "durable",
    async run(context) {
      const { tenant, user } = context.identity();
      const wrappers = await severalOf(context, (store) => createMemories(store));
      for (let round = 0; round < ROUNDS; round++) {
        const receipts = await Promise.all(
          wrappers.map((memories) => memories.add({ tenant, user }, `content ${round}`)),
        );
        assert.equal(receipts.filter(({ duplicate }) => !duplicate).length, 1, "memories that were added");
        assert.equal(new Set(receipts.map(({ id }) => id)).size, 1, "memories that were named");
      }
      const { memories: all } = await wrappers[0].read({ tenant, user }, { limit: 2 * ROUNDS });
      assert.equal(all.length, ROUNDS, "memories");
    },
  },
  {
    id: "memories/searched-as-they-are",
    rule: "A search finds every memory that another store has added or changed before, and none that it has deleted.",
    needs: "durable",
    async run(context) {
      const { tenant, user } = context.identity();
      const [mine, theirs] = await severalOf(context, (store) => createMemories(store));
      const who = { tenant, user };
      const { id } = await theirs.add(who, "an apple");
      await mine.add(who, "a pear");
      assert.deepEqual(await foundBy(mine, who, "apple pear"), ["a pear", "an apple"], "at first");
      await theirs.add(who, "two apples");
      assert.deepEqual(await foundBy(mine, who, "apple"), ["an apple", "two apples"], "after an add");
      await theirs.update(who, id, { content: "a cherry" });
      assert.deepEqual(
        await foundBy(mine, who, "apple cherry"),
        ["a cherry", "two apples"],
        "after a change",
      );
      await theirs.delete(who, id);
      assert.deepEqual(await foundBy(mine, who, "apple cherry"), ["two apples"], "after a deletion");
      assert.equal(await theirs.clear(who), 2, "memories that were cleared");
      assert.deepEqual(await foundBy(mine, who, "apple pear cherry"), [], "after all were cleared");
    },
  },
];
