import net, { type AddressInfo, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export type Verdict = "pass" | "stall" | "cut" | "cut the answer";

/** A line to a server that can be made to fail. */
export interface FaultyLine {
  readonly port: number;
  /** Connections made so far. */
  readonly accepted: number;
  /** Lines open now. */
  readonly open: number;
  /**
   * Looks at what a client sends, before the server sees it. `stall`: nothing more passes on any line in either
   * direction, and nothing closes, until `resume`. `cut`: the line is cut, the server sees nothing of it. `cut the
   * answer`: the server gets it, and the line is cut when it answers.
   */
  onRequest: (data: Buffer) => Verdict;
  /** Cuts the lines that have stalled and serves new ones again. */
  resume(): void;
  /** New connections are accepted and then: served, closed at once, or left without an answer. */
  onConnect: "serve" | "close" | "ignore";
  /** Cuts every line. */
  cut(): void;
}

/** A proxy that is closed after the test. */
export async function startProxy(target: string): Promise<FaultyLine> {
  const { hostname, port } = new URL(target);
  const lines = new Set<Socket>();
  const state = { accepted: 0, stalled: false };
  const proxy: FaultyLine = {
    get port() {
      return (server.address() as AddressInfo).port;
    },
    get accepted() {
      return state.accepted;
    },
    get open() {
      return lines.size;
    },
    onRequest: () => "pass",
    onConnect: "serve",
    resume() {
      state.stalled = false;
      proxy.onRequest = () => "pass";
      proxy.cut();
    },
    cut() {
      for (const line of lines) line.resetAndDestroy();
    },
  };
  // Half open: a line that has stalled shall not even answer a good-bye.
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    state.accepted++;
    lines.add(client);
    client.on("error", () => {});
    client.on("close", () => lines.delete(client));
    if (proxy.onConnect === "close") return void client.end();
    if (proxy.onConnect === "ignore" || state.stalled) return;
    serve(client, net.connect(Number(port), hostname), proxy, state);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    proxy.cut();
    server.close();
  });
  return proxy;
}

function serve(client: Socket, server: Socket, proxy: FaultyLine, state: { stalled: boolean }): void {
  let mode: Verdict = "pass";
  const cut = () => {
    client.destroy();
    server.destroy();
  };
  client.on("data", (data) => {
    if (mode === "pass") mode = proxy.onRequest(data);
    if (mode === "stall") state.stalled = true;
    if (state.stalled) return;
    if (mode === "cut") cut();
    else server.write(data);
  });
  server.on("data", (data) => {
    if (state.stalled) return;
    if (mode === "cut the answer") cut();
    else client.write(data);
  });
  server.on("error", cut);
  server.on("close", () => !state.stalled && client.destroy());
  client.on("end", () => !state.stalled && cut());
  client.on("close", () => server.destroy());
}

/** Stalls from the given statement on, counting those that match; 0 is the first. */
export function stallFrom(count: number, matching: string): (data: Buffer) => Verdict {
  let seen = 0;
  return (data) => (data.includes(matching) && seen++ >= count ? "stall" : "pass");
}
