import { createRuns } from "../../../dist/src/runs/index.js";
import { expectCount, inTurn, type TypedWork } from "./typed-work.js";

const INPUT = { topic: "a".repeat(150) };

/** A run from its start to its end, with one step. */
export const doRuns: TypedWork = {
  calls: 4,
  async open(store, identities) {
    const runs = createRuns(store);
    const next = inTurn(identities);
    return {
      async run() {
        const identity = next();
        const { run } = await runs.start(identity, { input: INPUT });
        const { lease } = await runs.claim(identity, run.id, { worker: "w", leaseMs: 60_000 });
        await runs.step(lease, "answer", (step) => step.use({ tokens: 1 }));
        await runs.complete(lease);
      },
      async check(done) {
        const { tenant = "" } = identities[0] ?? {};
        const { runs: newest } = await runs.list({ tenant }, { limit: 1 });
        expectCount("completed runs", newest[0]?.status === "completed" ? done : 0, done);
      },
    };
  },
};
