/**
 * An agent that asks before it transfers money. Each call is a process of its own:
 *
 *     node dist/examples/openai-agents/main.js bank.db "Pay invoice 17, 250 euros."
 *     node dist/examples/openai-agents/main.js bank.db --decide approve
 *
 * A class stands in for the model, so it needs neither a network nor a key.
 */
import { parseArgs } from "node:util";
import {
  Agent,
  type Model,
  type ModelRequest,
  type ModelResponse,
  RunState,
  run,
  setTracingDisabled,
  tool,
  Usage,
} from "@openai/agents-core";
import { openStore } from "groundstate";
import "groundstate/drivers";
import { createApprovals } from "groundstate/approvals";
import { GroundstateSession, PausedRuns } from "groundstate/openai-agents";
import { z } from "zod";

/** Wants to transfer what it is told, and then says that it has. */
class FakeModel implements Model {
  async getResponse({ input }: ModelRequest): Promise<ModelResponse> {
    const items = typeof input === "string" ? [] : input;
    const result = items.find((item) => item.type === "function_call_result");
    const output: ModelResponse["output"] =
      result === undefined
        ? [
            {
              type: "function_call",
              callId: "call-1",
              name: "transfer",
              status: "completed",
              arguments: '{"amount":250}',
            },
          ]
        : [
            {
              type: "message",
              role: "assistant",
              status: "completed",
              content: [{ type: "output_text", text: "Done as you decided." }],
            },
          ];
    return { output, usage: new Usage() };
  }

  getStreamedResponse(): AsyncIterable<never> {
    throw new Error("This model does not stream.");
  }
}

setTracingDisabled(true);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { decide: { type: "string" } },
});
const [file = "bank.db", message = "Pay invoice 17, 250 euros."] = positionals;

const store = await openStore(`sqlite:${file}`);
// A server takes both names from the login of the call.
const owner = { tenant: "acme", user: "ada" };
const sessionId = "chat-1";
const session = new GroundstateSession(store, { owner, sessionId });
const paused = new PausedRuns(store, { owner });
const agent = new Agent({
  name: "teller",
  model: new FakeModel(),
  tools: [
    tool({
      name: "transfer",
      description: "Transfers money.",
      parameters: z.object({ amount: z.number() }),
      needsApproval: true,
      execute: async ({ amount }) => {
        console.log(`transferring ${amount}`);
        return "transferred";
      },
    }),
  ],
});

if (values.decide === undefined) {
  const { state, interruptions } = await run(agent, message, { session });
  if (interruptions.length > 0) {
    for (const { tool: name, arguments: given } of await paused.pause(sessionId, state))
      console.log(`may I ${name} ${JSON.stringify(given)}?`);
  }
} else {
  // Somebody decides, in another program perhaps.
  const approvals = createApprovals(store);
  const { approvals: pending } = await approvals.list({ tenant: owner.tenant }, { status: "pending" });
  const decision = values.decide === "approve" ? "approve" : "deny";
  for (const { identity, id } of pending) await approvals.decide(identity, id, { decision, by: "grace" });

  const token = "worker-1";
  const revive = (text: string) => RunState.fromString<unknown, typeof agent>(agent, text);
  const { state } = await paused.resume(sessionId, { token, revive });
  if (state !== undefined) {
    console.log((await run(agent, state, { session })).finalOutput);
    await paused.finish(sessionId, { token });
  }
}
await store.close();
