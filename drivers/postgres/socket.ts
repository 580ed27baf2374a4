import net, { type Socket } from "node:net";
import type { Host } from "./address.js";
import { secure } from "./secure.js";
import type { Tls } from "./tls-mode.js";

/** After so long without a word the network is asked whether the line still stands, and does not forget it. */
const KEEP_ALIVE_MS = 30_000;

/**
 * The socket below one client, which can be cut. A client's own `end()` says good-bye and then waits for a server
 * that may never answer, which keeps the process alive; one that ends while it reconnects, connects all the same; and one
 * whose connection is accepted and closed makes the next at once, a thousand in a second: it gets no second.
 */
export class ClientSocket {
  readonly #host: Host;
  readonly #tls: Tls;
  #socket: Socket | undefined;
  #isDestroyed = false;

  constructor(host: Host, tls: Tls) {
    this.#host = host;
    this.#tls = tls;
  }

  /** A socket that is connected and encrypted. */
  readonly connect = async (): Promise<Socket> => {
    if (this.#isDestroyed) throw new Error("this client is out of use");
    if (this.#socket !== undefined) throw new Error("the connection was closed");
    const { host, port } = this.#host;
    const address = host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
    const keepAlive = { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
    this.#socket = net.connect({ ...address, noDelay: true, ...keepAlive });
    return secure(this.#socket, this.#tls, host);
  };

  /** Closes it now and for good. */
  destroy(): void {
    this.#isDestroyed = true;
    this.#socket?.destroy();
  }

  /** An idle line does not keep the process alive. */
  ref(): void {
    this.#socket?.ref();
  }

  unref(): void {
    this.#socket?.unref();
  }
}
