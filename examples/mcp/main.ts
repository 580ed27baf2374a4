/**
 * A server whose client is cut off in the middle of a call, and gets the rest of it:
 *
 *     node dist/examples/mcp/main.js events.db
 *
 * Server and client are one process here, and talk over HTTP.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { LoggingMessageNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { newEventId, openStore } from "groundstate";
import "groundstate/drivers";
import { GroundstateEventStore } from "groundstate/mcp";

const [file = "events.db"] = process.argv.slice(2);
const store = await openStore(`sqlite:${file}`);
// A server takes both names from the login of the call.
const owner = { tenant: "acme", user: "ada" };
const sessionId = newEventId();

const answers = new Set<ServerResponse>();
const server = new McpServer({ name: "counter", version: "1" }, { capabilities: { logging: {} } });
server.registerTool("count", {}, async ({ sendNotification }) => {
  for (let n = 1; n <= 6; n++) {
    await sendNotification({ method: "notifications/message", params: { level: "info", data: n } });
    // The network fails.
    if (n === 3) for (const answer of answers) answer.destroy();
  }
  return { content: [{ type: "text", text: "counted" }] };
});

const transport = new StreamableHTTPServerTransport({
  sessionIdGenerator: () => sessionId,
  eventStore: new GroundstateEventStore(store, { owner, sessionId }),
  retryInterval: 10,
});
// The SDK's classes and its own interface differ in how they write an optional field.
await server.connect(transport as Transport);
const http = createServer((request, response) => {
  answers.add(response);
  response.on("close", () => answers.delete(response));
  void transport.handleRequest(request, response);
}).listen(0);

const client = new Client({ name: "reader", version: "1" });
client.onerror = () => {};
client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => console.log(params.data));
const { port } = http.address() as AddressInfo;
const connection = new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`));
await client.connect(connection as Transport);
const { content } = await client.callTool({ name: "count" });
console.log(content);

await client.close();
await server.close();
http.closeAllConnections();
http.close();
await store.close();
