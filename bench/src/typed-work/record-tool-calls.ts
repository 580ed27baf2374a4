import { createToolCalls } from "../../../dist/src/tool-calls/index.js";
import { expectCount, inTurn, type TypedWork } from "./typed-work.js";

const CALL = { tool: "search", arguments: { query: "a".repeat(150) }, sideEffect: "read" };

/** The intent of a tool call and its outcome. */
export const recordToolCalls: TypedWork = {
  calls: 2,
  async open(store, identities) {
    const calls = createToolCalls(store);
    const next = inTurn(identities);
    let begun = 0;
    return {
      async run() {
        const identity = next();
        const id = `call-${begun++}`;
        await calls.begin(identity, { ...CALL, id });
        await calls.succeed(identity, id, { result: "found" });
      },
      async check() {
        for (const identity of identities)
          expectCount("orphans", (await calls.orphans(identity)).calls.length, 0);
      },
    };
  },
};
