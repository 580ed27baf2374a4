// Browsers that are cut off again and again, on two servers of one database, of which one is killed in the end.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { BrowserChat } from "./ai-sdk/browser-chat.js";

const [url, chats] = process.argv.slice(2);
const SENTENCE = "The invoices 17 and 18 are still open.";

async function serve(delayMs) {
  const child = spawn(process.execPath, ["serve.mjs", url, String(delayMs)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [address] = await once(child.stdout, "data");
  return { child, address: String(address).trim() };
}

const servers = await Promise.all([serve(15), serve(15)]);
const loaded = async ({ address }, id) => (await fetch(`${address}/api/chat/${id}`)).json();

/** A page: it is closed after so many characters, if at all. */
function page(server, id, messages, closesAfter = Number.POSITIVE_INFINITY) {
  const closing = new AbortController();
  return new BrowserChat(server.address, {
    id,
    messages,
    fetch: (input, init) =>
      fetch(input, { ...init, signal: AbortSignal.any([closing.signal, init?.signal].filter(Boolean)) }),
    onText: (text) => text.length > closesAfter && closing.abort(),
  });
}

async function chat(n, resumes = true) {
  const id = `chat ${n}`;
  const first = page(servers[n % 2], id, [], Math.random() * SENTENCE.length);
  await first.sendMessage({ text: "Which invoices are open?" });
  let last = first;
  for (let reload = 1; reload <= 3; reload++) {
    const server = servers[(n + reload) % 2];
    last = page(
      server,
      id,
      await loaded(server, id),
      reload < 3 ? Math.random() * SENTENCE.length : undefined,
    );
    const tab = page(server, id, last.messages.slice());
    if (resumes) await Promise.all([last.resumeStream(), tab.resumeStream()]);
  }
  const stored = await loaded(servers[0], id);
  // What was over before a reload is in what it loads.
  return {
    shown: last.text,
    stored: stored.map(({ role, parts }) => `${role}: ${parts.map(({ text = "" }) => text).join("")}`),
  };
}

const answers = await Promise.all(Array.from({ length: Number(chats) }, (_, n) => chat(n)));

const control = await chat(answers.length, false);

// The server of a slow answer dies.
const doomed = await serve(300);
const dying = page(doomed, "doomed", []);
const sent = dying.sendMessage({ text: "Which invoices are open?" });
while (!dying.text.includes("The invoices")) await new Promise((resolve) => setTimeout(resolve, 10));
doomed.child.kill("SIGKILL");
await sent;
const after = page(servers[0], "doomed", await loaded(servers[0], "doomed"));
await after.resumeStream();
const interrupted = { status: after.status, error: after.error?.message };
const again = await fetch(`${servers[0].address}/api/chat/doomed/stream`);
after.clearError();
await after.sendMessage({ text: "Which invoices are open?" });
console.log(
  JSON.stringify({
    answers,
    control: control.shown,
    interrupted,
    again: again.status,
    afterwards: after.text,
  }),
);
for (const { child } of servers) child.stdin.end();
