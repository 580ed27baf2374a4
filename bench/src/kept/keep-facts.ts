import { createFacts } from "../../../dist/src/facts/index.js";
import { expectSame, type KeptWork, type Owner, READ, times } from "./kept-work.js";

const NAMESPACE = ["notes", "bench"];
const TEXT = "a".repeat(200);

/** Facts, each under a key of its own. */
export const keepFacts: KeptWork = {
  async open(store, owners) {
    const facts = createFacts(store);
    let [written, read] = [0, 0];
    const ownerOf = (number: number) => owners[number % owners.length] as Owner;
    const put = () => {
      const number = written++;
      return facts.put(ownerOf(number), NAMESPACE, `fact-${number}`, `${TEXT} ${number}`);
    };
    const get = (number: number) => facts.get(ownerOf(number), NAMESPACE, `fact-${number}`);
    await times(READ, put);
    return {
      operations: { write: { run: put }, read: { run: () => get(read++ % READ) } },
      check: async () => expectSame("the last fact", await get(written - 1), `${TEXT} ${written - 1}`),
    };
  },
};
