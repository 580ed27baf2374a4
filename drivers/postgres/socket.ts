import net, { type Socket } from "node:net";
import type { Host } from "./address.js";
import { secure } from "./secure.js";
import type { Tls } from "./tls-mode.js";

/** After this idle time TCP keep-alive checks the connection, so that the network does not drop it. */
const KEEP_ALIVE_MS = 30_000;

/**
 * The socket of one client, which the driver can destroy. This works around three habits of the client: its `end()` waits
 * for a server that may never answer, which keeps the process alive; a client that is ended while it reconnects still
 * connects; and one whose connection is accepted and closed reconnects at once, a thousand times a second. So a client
 * gets one socket only.
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

  /** Resolves with a connected and encrypted socket. */
  readonly connect = async (): Promise<Socket> => {
    if (this.#isDestroyed) throw new Error("this client is out of use");
    if (this.#socket !== undefined) throw new Error("the connection was closed");
    const { host, port } = this.#host;
    const address = host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
    const keepAlive = { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
    this.#socket = net.connect({ ...address, noDelay: true, ...keepAlive });
    return secure(this.#socket, this.#tls, host);
  };

  /** Closes the socket immediately and for good. */
  destroy(): void {
    this.#isDestroyed = true;
    this.#socket?.destroy();
  }

  /** Lets the socket keep the process alive, while a statement is under way. */
  ref(): void {
    this.#socket?.ref();
  }

  unref(): void {
    this.#socket?.unref();
  }
}
