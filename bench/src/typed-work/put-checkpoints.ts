import { createCheckpoints } from "../../../dist/src/checkpoints/index.js";
import { expectCount, inTurn, type TypedWork } from "./typed-work.js";

const PLACE = { lineage: "thread" };
const UNCHANGED = Object.fromEntries(
  Array.from({ length: 10 }, (_, channel) => [`channel-${channel}`, "a".repeat(200)]),
);

/** A checkpoint of eleven channels, of which one changes. */
export const putCheckpoints: TypedWork = {
  calls: 1,
  async open(store, identities) {
    const checkpoints = createCheckpoints(store);
    for (const identity of identities)
      await checkpoints.put(identity, { ...PLACE, id: "first", values: UNCHANGED });
    const next = inTurn(identities);
    let number = 0;
    return {
      run: () =>
        checkpoints.put(next(), { ...PLACE, parent: "first", values: { step: number++ }, inherit: true }),
      async check(done) {
        const counts = await Promise.all(
          identities.map((identity) => store.count(identity, "checkpoint.at/")),
        );
        const stored = counts.reduce((sum, count) => sum + count, 0) - identities.length;
        if (stored < done) expectCount("checkpoints", stored, done);
      },
    };
  },
};
