/**
 * An agent that remembers over a restart what a person likes, and how often anybody has asked. Each call is a process of its own:
 *
 *     node dist/examples/adk/main.js trips.db "I like trains"
 *     node dist/examples/adk/main.js trips.db "How do I get to Lisbon?"
 *
 * A class stands in for the model, so it needs neither a network nor a key.
 */
import {
  BaseLlm,
  type BaseLlmConnection,
  FunctionTool,
  LlmAgent,
  type LlmRequest,
  type LlmResponse,
  Runner,
} from "@google/adk";
import { openStore } from "groundstate";
import { GroundstateSessionService } from "groundstate/adk";
import "groundstate/drivers";

/** Calls the tool with what a person says, and then says what the tool gives back. */
class StandIn extends BaseLlm {
  async *generateContentAsync({ contents }: LlmRequest): AsyncGenerator<LlmResponse, void> {
    const [part] = contents.at(-1)?.parts ?? [];
    const answer = part?.functionResponse?.response;
    const said =
      answer === undefined
        ? { functionCall: { name: "advise", args: { text: part?.text } } }
        : { text: `${answer.advice} (${contents.length} messages)` };
    yield { content: { role: "model", parts: [said] } };
  }

  connect(): Promise<BaseLlmConnection> {
    throw new Error("It does not stream.");
  }
}

const advise = new FunctionTool({
  name: "advise",
  description: "Says how to travel.",
  execute(input, context) {
    const [, liked] = /I like (\w+)/.exec((input as unknown as { text: string }).text) ?? [];
    if (liked !== undefined) context?.state.set("user:likes", liked);
    const asked = (context?.state.get<number>("app:asked") ?? 0) + 1;
    context?.state.set("app:asked", asked);
    return { advice: `By ${context?.state.get("user:likes", "foot")}. Asked ${asked} times.` };
  },
});

const [file = "trips.db", text = "How do I get to Lisbon?"] = process.argv.slice(2);
const store = await openStore(`sqlite:${file}`);
const runner = new Runner({
  appName: "trips",
  agent: new LlmAgent({ name: "guide", model: new StandIn({ model: "stand-in" }), tools: [advise] }),
  // A server takes the tenant from the login of the call, as it does the user.
  sessionService: new GroundstateSessionService(store, { owner: { tenant: "acme" } }),
});

const session = { userId: "ada", sessionId: "trip-1" };
await runner.sessionService.getOrCreateSession({ appName: runner.appName, ...session });
const newMessage = { role: "user", parts: [{ text }] };
for await (const { content } of runner.runAsync({ ...session, newMessage }))
  for (const part of content?.parts ?? []) if (part.text !== undefined) console.log(part.text);
await store.close();
