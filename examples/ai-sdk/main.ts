/**
 * A chat whose page is reloaded in the middle of an answer, and whose server is restarted while a payment waits for approval:
 *
 *     node dist/examples/ai-sdk/main.js chats.db
 *
 * Server and browser are one process here, and talk over HTTP. The AI SDK needs Node 22.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { UIMessage } from "ai";
import { openStore } from "groundstate";
import "groundstate/drivers";
import { BrowserChat } from "./browser-chat.js";
import { chatServer } from "./chat-server.js";
import { scriptedModel } from "./model.js";

const [file = "chats.db"] = process.argv.slice(2);
const id = "invoices";

async function start() {
  const store = await openStore(`sqlite:${file}`);
  const server = chatServer(store, scriptedModel(50)).listen(0);
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await store.close();
    },
  };
}

const loaded = async (url: string) => (await fetch(`${url}/api/chat/${id}`)).json() as Promise<UIMessage[]>;

let server = await start();

// The page is reloaded after three words.
const page = new AbortController();
const first = new BrowserChat(server.url, {
  id,
  fetch: (input, init) => fetch(input, { ...init, signal: page.signal }),
  onText(text) {
    if (text.split(" ").length > 3) page.abort();
  },
});
await first.sendMessage({ text: "Which invoices are open?" });
console.log(`reloaded after: ${first.text.trim()}`);
const second = new BrowserChat(server.url, { id, messages: await loaded(server.url) });
await second.resumeStream();
console.log(`resumed: ${second.text}`);

await second.sendMessage({ text: "Pay invoice 17." });
await server.stop();
server = await start();

const third = new BrowserChat(server.url, { id, messages: await loaded(server.url) });
for (const part of third.messages.at(-1)?.parts ?? []) {
  if (part.type !== "tool-transfer" || part.state !== "approval-requested") continue;
  console.log(`may I transfer ${JSON.stringify(part.input)}?`);
  await third.addToolApprovalResponse({ id: part.approval.id, approved: true });
}
await third.sendMessage();
console.log(third.text);
await server.stop();
