import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { CallToolResultSchema, LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect, onTestFinished, test } from "vitest";
import { openMemory } from "../../../drivers/memory/index.js";
import { GroundstateEventStore } from "../../../src/adapters/mcp/index.js";
import { createStore, newEventId } from "../../../src/index.js";
import { soak } from "../../soak.js";
import { onEveryStore } from "../../typed/stores.js";

const newOwner = () => ({ tenant: `tenant-${newEventId()}`, user: "ann" });
const said = (n: number) => ({ jsonrpc: "2.0" as const, method: "notifications/message", params: { n } });

async function replayed(events: GroundstateEventStore, lastEventId: string) {
  const sent: [string, unknown][] = [];
  const send = async (id: string, message: unknown) => void sent.push([id, message]);
  return { stream: await events.replayEventsAfter(lastEventId, { send }), sent };
}

onEveryStore((opened) => {
  test("replays what a stream has had since, and nothing of others", async () => {
    const owner = newOwner();
    const events = new GroundstateEventStore(opened.store, { owner, sessionId: "s/1" });
    const ids: string[] = [];
    for (let n = 0; n < 6; n++) ids.push(await events.storeEvent(n % 2 ? "odd" : "_GET_stream", said(n)));
    const again = new GroundstateEventStore(opened.store, { owner, sessionId: "s/1" });
    expect(await replayed(again, ids[0] as string)).toEqual({
      stream: "_GET_stream",
      sent: [
        [ids[2], said(2)],
        [ids[4], said(4)],
      ],
    });
    expect(await again.getStreamIdForEventId(ids[3] as string)).toBe("odd");
    for (const id of ["", "0", "7", "-1", "x", "1e3", "99999999999999999999", " 1"])
      expect(await again.getStreamIdForEventId(id)).toBeUndefined();
    const other = new GroundstateEventStore(opened.store, { owner, sessionId: "s/2" });
    expect(await other.getStreamIdForEventId(ids[0] as string)).toBeUndefined();
    expect(await replayed(other, ids[0] as string)).toEqual({ stream: "", sent: [] });
    expect(await other.storeEvent("_GET_stream", said(0))).toBe(ids[0]);
  });

  test("keeps the newest events alone", async () => {
    const owner = newOwner();
    const events = new GroundstateEventStore(opened.store, { owner, sessionId: "s", keep: 100 });
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => events.storeEvent("a", said(n))));
    expect(await events.getStreamIdForEventId("900")).toBeUndefined();
    expect((await replayed(events, "901")).sent).toHaveLength(99);
    expect(await opened.store.count({ ...owner, session: "s" }, "")).toBeLessThan(120);
  });

  test("a client that is cut off again and again gets every message once, in order, and its result", async () => {
    const messages = soak(60);
    const events = new GroundstateEventStore(opened.store, { owner: newOwner(), sessionId: "session-1" });
    const { seen, answer } = await calledWhileCutOff(events, messages, 120_000);
    expect(await answer).toBe(`counted ${messages}`);
    expect(seen).toEqual(Array.from({ length: messages }, (_, n) => n));
  }, 240_000);
});

test("a client misses messages where the store replays none", async () => {
  const store = createStore(await openMemory());
  const events = new GroundstateEventStore(store, { owner: newOwner(), sessionId: "session-1" });
  events.replayEventsAfter = async (id) => (await events.getStreamIdForEventId(id)) ?? "";
  const { seen, answer } = await calledWhileCutOff(events, 20, 1_500);
  await answer.catch(() => {});
  expect(seen.length).toBeLessThan(20);
  await store.close();
});

/** What a client sees of a call that says so many messages, while its connections are cut, and what the call answers. */
async function calledWhileCutOff(eventStore: GroundstateEventStore, messages: number, timeout: number) {
  const open = new Set<ServerResponse>();
  const server = new McpServer({ name: "slow", version: "1" }, { capabilities: { logging: {} } });
  server.registerTool("count", {}, async ({ sendNotification }) => {
    for (let n = 0; n < messages; n++) {
      await sendNotification({ method: "notifications/message", params: { level: "info", data: n } });
      if (n % 7 === 3) for (const response of open) if (response.headersSent) response.destroy();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return { content: [{ type: "text", text: `counted ${messages}` }] };
  });
  const sessionIdGenerator = () => "session-1";
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator, eventStore, retryInterval: 5 });
  await server.connect(transport as Transport);
  const http = createServer((request, response) => {
    open.add(response);
    response.on("close", () => open.delete(response));
    void transport.handleRequest(request, response);
  }).listen(0);
  const url = new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`);
  const reconnectionOptions = {
    initialReconnectionDelay: 5,
    maxReconnectionDelay: 20,
    reconnectionDelayGrowFactor: 1,
    maxRetries: 1_000,
  };
  const client = new Client({ name: "reader", version: "1" });
  const seen: unknown[] = [];
  client.setNotificationHandler(
    LoggingMessageNotificationSchema,
    ({ params }) => void seen.push(params.data),
  );
  client.onerror = () => {};
  onTestFinished(async () => {
    await client.close();
    await server.close();
    http.closeAllConnections();
    http.close();
  });
  await client.connect(new StreamableHTTPClientTransport(url, { reconnectionOptions }) as Transport);
  const call = { method: "tools/call" as const, params: { name: "count" } };
  const answer = client.request(call, CallToolResultSchema, { timeout }).then(({ content }) => {
    const [said] = content;
    return said?.type === "text" ? said.text : undefined;
  });
  await answer.catch(() => {});
  return { seen, answer };
}
