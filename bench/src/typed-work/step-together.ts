import { createLedger } from "../../../dist/src/ledger/index.js";
import { createSessions } from "../../../dist/src/sessions/index.js";
import { together } from "../../../dist/src/typed/index.js";
import { expectCount, inTurn, type TypedWork } from "./typed-work.js";

const EVENT = { role: "assistant", text: "a".repeat(200) };
const CALL = {
  provider: "acme-ai",
  model: "large-1",
  promptTokens: 1_200,
  completionTokens: 80,
  cost: "0.0123",
};

/** An event and what it cost, as one unit. */
export const stepTogether: TypedWork = {
  calls: 2,
  async open(store, identities) {
    const [sessions, ledger] = [createSessions(store), createLedger(store)];
    for (const identity of identities) await sessions.create(identity);
    const next = inTurn(identities);
    const { tenant = "" } = identities[0] ?? {};
    return {
      run() {
        const identity = next();
        return together(store, async (unit) => {
          await sessions.in(unit).append(identity, { value: EVENT });
          await ledger.in(unit).record(identity, CALL);
        });
      },
      async check(done) {
        const { calls } = await ledger.totals({ tenant });
        expectCount("model calls", calls, done);
      },
    };
  },
};
