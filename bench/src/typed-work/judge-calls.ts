import { createPolicies } from "../../../dist/src/policies/index.js";
import { inTurn, type TypedWork } from "./typed-work.js";

const CALL = { policy: "careful", tool: "search", sideEffect: "read" };

/** A verdict on a tool call: reads, where the others write. */
export const judgeCalls: TypedWork = {
  calls: 1,
  async open(store, identities) {
    const policies = createPolicies(store);
    const next = inTurn(identities);
    const { tenant = "" } = identities[0] ?? {};
    await policies.put(
      { tenant },
      { name: "careful", tools: ["search"], approvals: [{ sideEffect: "write*" }] },
    );
    const judge = () => policies.judge(next(), CALL);
    return {
      run: judge,
      async check() {
        const { verdict } = await judge();
        if (verdict !== "allow") throw new Error(`the verdict is ${verdict}`);
      },
    };
  },
};
