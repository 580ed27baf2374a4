import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { json as bodyOf } from "node:stream/consumers";
import {
  convertToModelMessages,
  generateId,
  type LanguageModel,
  pipeUIMessageStreamToResponse,
  streamText,
  tool,
  toUIMessageStream,
  UI_MESSAGE_STREAM_HEADERS,
  type UIMessage,
} from "ai";
import { isStateError, type StateStore } from "groundstate";
import { GroundstateChats, ResumableStreams, ToolApprovals } from "groundstate/ai-sdk";
import { z } from "zod";

/**
 * The server of `useChat`:
 *
 * - `POST /api/chat` with `{ id, message }` streams the answer;
 * - `GET /api/chat/ID/stream` resumes it, from its beginning;
 * - `POST /api/chat/ID/stop` ends it;
 * - `GET /api/chat/ID` has the messages.
 */
export function chatServer(store: StateStore, model: LanguageModel, heartbeatMs = 10_000): Server {
  // A server takes both names from the login of the call.
  const owner = { tenant: "acme", user: "ada" };
  const chats = new GroundstateChats(store, { owner });
  const streams = new ResumableStreams(store, { owner, heartbeatMs });
  const approvals = new ToolApprovals(store, { owner });
  const tools = {
    transfer: tool({
      inputSchema: z.object({ amount: z.number() }),
      async execute({ amount }) {
        console.log(`transferring ${amount}`);
        return { transferred: amount };
      },
    }),
  };

  /** The chat as the model gets it: with the user's new message, or with what the user has decided. */
  async function messagesFor(id: string, message: UIMessage, token: string) {
    if (message.role === "user") {
      await chats.put(id, message);
      return chats.load(id);
    }
    const messages = await chats.load(id);
    const last = messages.pop();
    if (last === undefined) return undefined;
    await approvals.respond(id, message, { by: owner.user });
    const decided = (await approvals.resume(id, last, { token })).message;
    return decided && [...messages, decided];
  }

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const { id, message } = (await bodyOf(request)) as { id: string; message: UIMessage };
    const token = generateId();
    const messages = await messagesFor(id, message, token);
    if (messages === undefined) return end(response, 204);
    const { stream } = streamText({
      model,
      tools,
      toolApproval: { transfer: "user-approval" },
      messages: await convertToModelMessages(messages),
    });
    await pipeUIMessageStreamToResponse({
      response,
      stream: toUIMessageStream({
        stream,
        originalMessages: messages,
        generateMessageId: generateId,
        async onEnd({ responseMessage }) {
          await chats.put(id, responseMessage);
          await approvals.request(id, responseMessage, { question: "Pay it?" });
          await approvals.finish(id, { token });
        },
      }),
      // The answer goes on being stored when its client is gone.
      consumeSseStream: ({ stream: copy }) => void streams.record(id, copy).catch(console.error),
    });
  }

  async function resume(id: string, response: ServerResponse) {
    const stream = await streams.resume(id);
    if (stream === undefined) return end(response, 204);
    response.writeHead(200, UI_MESSAGE_STREAM_HEADERS);
    for await (const text of stream) {
      if (response.destroyed) return;
      response.write(text);
    }
    response.end();
  }

  async function route(request: IncomingMessage, response: ServerResponse) {
    const [, , , id = "", action] = (request.url ?? "").split("/").map(decodeURIComponent);
    if (request.method === "POST" && id === "") return answer(request, response);
    if (request.method === "POST" && action === "stop") return end(response, 200, await streams.stop(id));
    if (action === "stream") return resume(id, response);
    return end(response, 200, await chats.load(id));
  }

  return createServer((request, response) => {
    route(request, response).catch((error) => {
      // A second tab has sent the same decision.
      if (isStateError(error, "ALREADY_CLAIMED")) return end(response, 409);
      console.error(error);
      return end(response, 500);
    });
  });
}

function end(response: ServerResponse, status: number, body?: unknown): void {
  if (response.headersSent) return void response.end();
  response.writeHead(status, { "content-type": "application/json" });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
