import { describe, expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { GroundstatePushNotificationStore, GroundstateTaskStore } from "../../src/adapters/a2a/index.js";
import { GroundstateSessionService } from "../../src/adapters/adk/index.js";
import { GroundstateChats, ResumableStreams, ToolApprovals } from "../../src/adapters/ai-sdk/index.js";
import { GroundstateSaver, GroundstateStore } from "../../src/adapters/langgraph/index.js";
import {
  GroundstateEventStore,
  GroundstateTaskMessageQueue,
  GroundstateTaskStore as McpTaskStore,
} from "../../src/adapters/mcp/index.js";
import { GroundstateSession, PausedRuns } from "../../src/adapters/openai-agents/index.js";
import { createStore, type StateStore } from "../../src/index.js";

type Adapter = new (store: StateStore, options: never) => unknown;

interface Row {
  readonly of: string;
  readonly Class: Adapter;
  readonly needed?: object;
  readonly owner?: object;
}

const ADAPTERS: readonly Row[] = [
  { of: "LangGraph's saver", Class: GroundstateSaver },
  { of: "LangGraph's store", Class: GroundstateStore },
  { of: "A2A's task store", Class: GroundstateTaskStore },
  { of: "A2A's push notification store", Class: GroundstatePushNotificationStore },
  { of: "MCP's event store", Class: GroundstateEventStore, needed: { sessionId: "s" } },
  { of: "MCP's task store", Class: McpTaskStore },
  { of: "MCP's message queue", Class: GroundstateTaskMessageQueue },
  { of: "a session of the OpenAI Agents SDK", Class: GroundstateSession },
  { of: "chats of the AI SDK", Class: GroundstateChats },
  { of: "streams of the AI SDK", Class: ResumableStreams },
  { of: "tool approvals of the AI SDK", Class: ToolApprovals },
  { of: "paused runs of the OpenAI Agents SDK", Class: PausedRuns },
  { of: "ADK's session service", Class: GroundstateSessionService, owner: { tenant: "acme" } },
];

describe.each(ADAPTERS)("$of", ({ Class, needed = {}, owner = { tenant: "acme", user: "ada" } }) => {
  const made = async (options: unknown, store?: unknown) =>
    new Class((store ?? createStore(await openMemory())) as StateStore, options as never);

  test("is made for an owner, or for a function that names one", async () => {
    await made({ ...needed, owner });
    await made({ ...needed, owner: () => owner });
  });

  test.each([
    ["no options", undefined],
    ["no owner", {}],
    ["an owner that is a name", { owner: "acme" }],
    ["an option of another name", { owner, ttlms: 5 }],
  ])("is refused with %s", async (_, given) => {
    const options = typeof given === "object" ? { ...needed, ...given } : given;
    await expect(made(options)).rejects.toMatchObject({ code: "INVALID_RECORD" });
  });

  test("is refused on what is no store", async () => {
    await expect(made({ ...needed, owner }, {})).rejects.toMatchObject({ code: "INVALID_RECORD" });
  });
});
