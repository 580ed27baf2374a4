import { createMemories, type MemoriesOptions } from "../../../dist/src/memories/index.js";
import { textAt } from "../texts.js";
import { expectSame, type KeptWork, type Owner } from "./kept-work.js";

/** Memories, each of another content. */
export const addMemories = (options: MemoriesOptions): KeptWork => ({
  async open(store, owners) {
    const memories = createMemories(store, options);
    let written = 0;
    const ownerOf = (number: number) => owners[number % owners.length] as Owner;
    return {
      operations: {
        write: {
          run() {
            const number = written++;
            return memories.add(ownerOf(number), textAt(number), { id: `memory-${number}` });
          },
        },
      },
      async check() {
        const found = await memories.get(ownerOf(written - 1), `memory-${written - 1}`);
        expectSame("the last memory", found?.content, textAt(written - 1));
      },
    };
  },
});
