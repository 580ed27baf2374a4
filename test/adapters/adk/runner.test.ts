import {
  App,
  BaseLlm,
  type BaseLlmConnection,
  type BaseSessionService,
  type Event,
  FunctionTool,
  InMemorySessionService,
  LlmAgent,
  type LlmRequest,
  type LlmResponse,
  Runner,
} from "@google/adk";
import { expect, test } from "vitest";
import { GroundstateSessionService } from "../../../src/adapters/adk/index.js";
import { newEventId, type StateStore } from "../../../src/index.js";
import { createSessions } from "../../../src/sessions/index.js";
import { onEveryStore } from "../../typed/stores.js";

/** Pays by the tool what a person asks for, and then says what came of it, with how much it was shown. */
class StandIn extends BaseLlm {
  async *generateContentAsync({ contents }: LlmRequest): AsyncGenerator<LlmResponse, void> {
    const part = contents.at(-1)?.parts?.at(-1);
    const answer = part?.functionResponse;
    const said = answer?.response?.paid
      ? { text: `paid ${answer.response.paid} after ${contents.length}` }
      : part?.text?.startsWith("Pay")
        ? { functionCall: { name: "pay", args: { invoice: part.text.slice(4) } } }
        : { text: `nothing to pay after ${contents.length}` };
    yield { content: { role: "model", parts: [said] }, usageMetadata: { totalTokenCount: 7 } };
  }

  connect(): Promise<BaseLlmConnection> {
    throw new Error("It does not stream.");
  }
}

function newRunner(sessionService: BaseSessionService): Runner {
  const pay = new FunctionTool({
    name: "pay",
    description: "Pays an invoice.",
    requireConfirmation: true,
    execute(input, context) {
      const { invoice } = input as unknown as { invoice: string };
      context?.state.set("app:paid", [...(context.state.get<string[]>("app:paid") ?? []), invoice]);
      context?.state.set("temp:secret", "card 4111");
      return { paid: invoice };
    },
  });
  const model = new StandIn({ model: "stand-in" });
  const rootAgent = new LlmAgent({ name: "teller", model, tools: [pay], outputKey: "user:said" });
  const app = new App({ name: "bank", rootAgent, resumabilityConfig: { isResumable: true } });
  return new Runner({ app, sessionService });
}

const ids = { userId: "ann", sessionId: "s-1" };

async function said(runner: Runner, parts: object[], more = {}): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of runner.runAsync({ ...ids, newMessage: { role: "user", parts }, ...more }))
    events.push(event);
  return events;
}

/** A conversation with a restart before each message: what is told, and how the session is in the end. */
async function conversation(newService: () => BaseSessionService) {
  await newService().createSession({ appName: "bank", ...ids });
  const told = await said(newRunner(newService()), [{ text: "Hello" }]);
  const asked = await said(newRunner(newService()), [{ text: "Pay 17" }]);
  told.push(...asked);
  const request = asked
    .flatMap(({ content }) => content?.parts ?? [])
    .find(({ functionCall }) => functionCall?.name === "adk_request_confirmation")?.functionCall;
  const response = { id: request?.id, name: request?.name, response: { confirmed: true } };
  told.push(...(await said(newRunner(newService()), [{ functionResponse: response }])));
  told.push(...(await said(newRunner(newService()), [{ text: "Thank you" }], { stateDelta: { n: 1 } })));
  const texts = told
    .flatMap(({ content }) => content?.parts ?? [])
    .map(
      ({ text, functionCall, functionResponse }) => text ?? functionCall?.name ?? functionResponse?.response,
    );
  const session = await newService().getSession({ appName: "bank", ...ids });
  return {
    texts,
    state: { ...session?.state },
    events: session?.events.map(({ author, content, actions, usageMetadata }) => [
      author,
      content?.parts?.map(({ text, functionResponse }) => text ?? functionResponse?.name),
      { ...actions.stateDelta },
      usageMetadata?.totalTokenCount,
    ]),
  };
}

onEveryStore((opened) => {
  test("a runner goes on after a restart before each message as with ADK's own service, also to a call that was confirmed", async () => {
    const owner = { tenant: `tenant-${newEventId()}` };
    const newService = (store: StateStore = opened.store) => new GroundstateSessionService(store, { owner });
    const inMemory = new InMemorySessionService();
    const conversed = await conversation(newService);
    expect(conversed).toEqual(await conversation(() => inMemory));
    expect(conversed.texts).toContain("adk_request_confirmation");
    expect(conversed.texts).toContainEqual({ paid: "17" });
    expect(conversed.state).toMatchObject({ "app:paid": ["17"], n: 1 });
    expect(JSON.stringify(conversed)).not.toContain("4111");
    const { found } = await createSessions(opened.store).search({ ...owner, user: "ann" }, "thank");
    expect(found.map(({ session }) => session.metadata)).toEqual([{ appName: "bank", ...ids }]);
  });
});
