import net, { type Socket } from "node:net";

/** Where a client of the `postgres` package wants to connect: one of several hosts, or the path of a socket. */
export interface Place {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | false;
}

/** Of a client for each of its hosts, some of which may not be the server it looks for. */
const MOST_ATTEMPTS = 4;

/**
 * The socket below one client, which can be cut. A client's own `end()` says good-bye and then waits for a server
 * that may never answer, which keeps the process alive; one that ends while it reconnects, connects all the same; and one
 * whose connections are accepted and closed makes the next at once, a thousand in a second.
 */
export class Line {
  #socket: Socket | undefined;
  #cut = false;
  #attempts = 0;

  /** Begins to connect, to the next host of several each time; what is written meanwhile is sent then. */
  readonly connect = ({ host, port, path }: Place): Socket => {
    if (this.#cut) throw new Error("this client is out of use");
    if (this.#attempts >= MOST_ATTEMPTS * host.length) throw new Error("the connection was closed each time");
    const index = this.#attempts++ % host.length;
    const place = path ? { path } : { host: host[index] as string, port: port[index] as number };
    const socket = net.connect({ ...place, noDelay: true });
    // The client looks here for the name that the server's certificate must bear.
    this.#socket = Object.assign(socket, { host: host[index] });
    return socket;
  };

  /** Closes it now and for good. */
  cut(): void {
    this.#cut = true;
    this.#socket?.destroy();
  }
}
