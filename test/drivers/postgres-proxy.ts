import net, { type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";

/**
 * What the proxy does with a request. Where only the answer is lost, the server has finished the request, and its effect
 * is in the database.
 */
export type Verdict =
  | "pass"
  /** No data passes on any connection in either direction, and none closes, until `resume`. */
  | "stall"
  /** The server gets nothing: the connection is cut, is closed politely, or hangs. */
  | "cut"
  | "close"
  | "hang"
  /** The server gets half of the request, and then the connection is cut. */
  | "cut halfway"
  /** The client gets nothing of the answer, or one half. */
  | "cut the answer"
  | "hang the answer"
  | "cut the answer halfway"
  /** Request and answer pass, split into pieces that begin with single bytes. */
  | "trickle";

/** A proxy in front of a server, whose connections a test can make fail. */
export interface FaultyProxy {
  readonly port: number;
  /** The URL of the server behind it, for new connections. */
  target: string;
  /** Connections made so far. */
  readonly accepted: number;
  /** Connections open now. */
  readonly open: number;
  /** Called with a request before the server gets it. */
  onRequest: (data: Buffer) => Verdict;
  /** Called with a complete answer and its request, before the client gets the answer. */
  onAnswer: (answer: Buffer, request: Buffer) => void;
  /** Cuts the stalled connections and serves new ones again. */
  resume(): void;
  /** What to do with a new connection after accepting it: serve it, close it at once, or never answer. */
  onConnect: () => "serve" | "close" | "ignore";
  /** Cuts every connection. */
  cut(): void;
}

/** A proxy that is closed after the test. */
export async function startProxy(target: string): Promise<FaultyProxy> {
  const sockets = new Set<Socket>();
  const state = { accepted: 0, stalled: false };
  const proxy: FaultyProxy = {
    target,
    get port() {
      return (server.address() as AddressInfo).port;
    },
    get accepted() {
      return state.accepted;
    },
    get open() {
      return sockets.size;
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
      for (const line of sockets) line.resetAndDestroy();
    },
  };
  // Half open, so that a stalled connection does not even answer a close.
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    state.accepted++;
    sockets.add(client);
    client.on("error", () => {});
    client.on("close", () => sockets.delete(client));
    const reaction = proxy.onConnect();
    if (reaction === "close") return void client.resume().end();
    if (reaction === "ignore" || state.stalled) return;
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

function serve(client: Socket, server: Socket, proxy: FaultyProxy, state: { stalled: boolean }): void {
  let verdict: Verdict = "pass";
  let request: Buffer = NOTHING;
  let answer: Buffer = NOTHING;
  const toClient = new OrderedWriter(client);
  const toServer = new OrderedWriter(server);
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
    const isComplete = endsReady(answer);
    if (isComplete) proxy.onAnswer(answer, request);
    if (!HOLDING_ANSWERS.has(verdict)) toClient.write(data, verdict === "trickle");
    else if (isComplete && verdict === "cut the answer") cut();
    else if (isComplete && verdict === "cut the answer halfway") client.write(half(answer), cut);
  });
  server.on("error", cut);
  server.on("close", () => !state.stalled && client.destroy());
  client.on("end", () => !state.stalled && cut());
  client.on("close", () => server.destroy());
}

const NOTHING = Buffer.alloc(0);

const HOLDING_ANSWERS: ReadonlySet<Verdict> = new Set([
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

/** Writes bytes to a socket in order, fast or slowly. */
class OrderedWriter {
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

  /** Writes growing pieces. The first ones split the head of a message. */
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
