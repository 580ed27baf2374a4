import { createLedger } from "../../../dist/src/ledger/index.js";
import { expectCount, inTurn, type TypedWork } from "./typed-work.js";

const CALL = {
  provider: "acme-ai",
  model: "large-1",
  promptTokens: 1_200,
  completionTokens: 80,
  cost: "0.0123",
};

/** One model call recorded, with its sums. */
export const recordUsage: TypedWork = {
  calls: 1,
  async open(store, identities) {
    const ledger = createLedger(store);
    const next = inTurn(identities);
    const { tenant = "" } = identities[0] ?? {};
    return {
      run: () => ledger.record(next(), CALL),
      async check(done) {
        const { calls } = await ledger.totals({ tenant });
        expectCount("model calls", calls, done);
      },
    };
  },
};
