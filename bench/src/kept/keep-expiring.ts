import { createExpiring } from "../../../dist/src/expiring/index.js";
import { expectSame, type KeptWork, type Owner, READ, times } from "./kept-work.js";

const TEXT = "a".repeat(200);
const TTL = { ttlMs: 3_600_000 };

/** Values with a time to live, each under a key of its own. */
export const keepExpiring: KeptWork = {
  async open(store, owners) {
    const expiring = createExpiring(store);
    let [written, read] = [0, 0];
    const ownerOf = (number: number) => owners[number % owners.length] as Owner;
    const set = () => {
      const number = written++;
      return expiring.set(ownerOf(number), "bench", `value-${number}`, `${TEXT} ${number}`, TTL);
    };
    const get = (number: number) => expiring.get(ownerOf(number), "bench", `value-${number}`);
    await times(READ, set);
    return {
      operations: { write: { run: set }, read: { run: () => get(read++ % READ) } },
      check: async () => expectSame("the last value", await get(written - 1), `${TEXT} ${written - 1}`),
    };
  },
};
