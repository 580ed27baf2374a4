import net, { type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";

/**
 * What becomes of a request and its line. Of an answer that fails, the server has sent the whole, up to the point where
 * it is ready for more: what it was asked has taken effect.
 */
export type Verdict =
  | "pass"
  /** Nothing more passes on any line in either direction, and nothing closes, until `resume`. */
  | "stall"
  /** The server sees nothing of it: the line is cut, ends with a good-bye, or hangs. */
  | "cut"
  | "close"
  | "hang"
  /** The server gets one half of it, and then the line is cut. */
  | "cut halfway"
  /** The client gets nothing of the answer, or one half. */
  | "cut the answer"
  | "hang the answer"
  | "cut the answer halfway"
  /** It passes, and so does the answer, in pieces that begin with single bytes. */
  | "trickle";

/** A line to a server that can be made to fail. */
export interface FaultyLine {
  readonly port: number;
  /** The URL of the server behind it, for new connections. */
  target: string;
  /** Connections made so far. */
  readonly accepted: number;
  /** Lines open now. */
  readonly open: number;
  /** Looks at what a client sends, before the server sees it. */
  onRequest: (data: Buffer) => Verdict;
  /** Looks at a whole answer, before the client sees it, and at the request it is for. */
  onAnswer: (answer: Buffer, request: Buffer) => void;
  /** Cuts the lines that have stalled and serves new ones again. */
  resume(): void;
  /** What becomes of a new connection, once it is accepted: it is served, closed at once, or left without an answer. */
  onConnect: () => "serve" | "close" | "ignore";
  /** Cuts every line. */
  cut(): void;
}

/** A proxy that is closed after the test. */
export async function startProxy(target: string): Promise<FaultyLine> {
  const lines = new Set<Socket>();
  const state = { accepted: 0, stalled: false };
  const proxy: FaultyLine = {
    target,
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
    onAnswer: () => {},
    onConnect: () => "serve",
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
    const welcome = proxy.onConnect();
    if (welcome === "close") return void client.resume().end();
    if (welcome === "ignore" || state.stalled) return;
    const { hostname, port } = new URL(proxy.target);
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
  let verdict: Verdict = "pass";
  let request: Buffer = NOTHING;
  let answer: Buffer = NOTHING;
  const toClient = new Tap(client);
  const toServer = new Tap(server);
  const cut = () => {
    client.destroy();
    server.destroy();
  };
  client.on("data", (data) => {
    if (verdict === "pass" || verdict === "trickle") {
      verdict = proxy.onRequest(data);
      request = data;
      answer = NOTHING;
    }
    if (verdict === "stall") state.stalled = true;
    if (state.stalled || verdict === "hang") return;
    if (verdict === "cut") cut();
    else if (verdict === "close") client.end();
    else if (verdict === "cut halfway") server.write(half(data), cut);
    else toServer.write(data, verdict === "trickle");
  });
  server.on("data", (data) => {
    if (state.stalled) return;
    answer = Buffer.concat([answer, data]);
    const isWhole = endsReady(answer);
    if (isWhole) proxy.onAnswer(answer, request);
    if (!KEEPING_ANSWERS.has(verdict)) toClient.write(data, verdict === "trickle");
    else if (isWhole && verdict === "cut the answer") cut();
    else if (isWhole && verdict === "cut the answer halfway") client.write(half(answer), cut);
  });
  server.on("error", cut);
  server.on("close", () => !state.stalled && client.destroy());
  client.on("end", () => !state.stalled && cut());
  client.on("close", () => server.destroy());
}

const NOTHING = Buffer.alloc(0);

const KEEPING_ANSWERS: ReadonlySet<Verdict> = new Set([
  "cut the answer",
  "hang the answer",
  "cut the answer halfway",
]);

function half(data: Buffer): Buffer {
  return data.subarray(0, data.length >> 1);
}

/** ReadyForQuery. https://www.postgresql.org/docs/current/protocol-message-formats.html */
function endsReady(answer: Buffer): boolean {
  return answer.subarray(-6, -1).toString("latin1") === "Z\0\0\0\x05";
}

/** One end of a line, where bytes come out in order, fast or slowly. */
class Tap {
  readonly #socket: Socket;
  #flow: Promise<void> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket.setNoDelay();
  }

  write(data: Buffer, slowly: boolean): void {
    if (this.#flow === undefined && !slowly) this.#socket.write(data);
    else this.#flow = this.#follow(this.#flow, data, slowly);
  }

  async #follow(before: Promise<void> | undefined, data: Buffer, slowly: boolean): Promise<void> {
    await before;
    if (slowly) await this.#trickle(data);
    else if (this.#socket.writable) this.#socket.write(data);
  }

  /** Each piece is longer than the one before; the first ones part the head of a message. */
  async #trickle(data: Buffer): Promise<void> {
    let [last, length] = [0, 1];
    for (let from = 0; from < data.length && this.#socket.writable; from += last) {
      this.#socket.write(data.subarray(from, from + length));
      [last, length] = [length, last + length];
      await sleep(1);
    }
  }
}

/** Stalls from the given statement on, counting those that match; 0 is the first. */
export function stallFrom(count: number, matching: string): (data: Buffer) => Verdict {
  let seen = 0;
  return (data) => (data.includes(matching) && seen++ >= count ? "stall" : "pass");
}
