import net, { type Socket } from "node:net";
import type { Address, Host } from "./address.js";
import { secure } from "./secure.js";

/** Of a client for each of its hosts, some of which may not be the server it looks for. */
const MOST_ATTEMPTS = 4;

/**
 * The socket below one client, which can be cut. A client's own `end()` says good-bye and then waits for a server
 * that may never answer, which keeps the process alive; one that ends while it reconnects, connects all the same; and one
 * whose connections are accepted and closed makes the next at once, a thousand in a second.
 */
export class Line {
  readonly #address: Address;
  #socket: Socket | undefined;
  #cut = false;
  #attempts = 0;

  constructor(address: Address) {
    this.#address = address;
  }

  /** A socket that is connected and encrypted, to the next host of several each time. */
  readonly connect = async (): Promise<Socket> => {
    const { hosts } = this.#address;
    let failure: unknown;
    for (let tries = 0; tries < hosts.length; tries++) {
      if (this.#cut) throw new Error("this client is out of use");
      if (this.#attempts >= MOST_ATTEMPTS * hosts.length)
        throw new Error("the connection was closed each time");
      try {
        return await this.#connectTo(hosts[this.#attempts++ % hosts.length] as Host);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  };

  /** Closes it now and for good. */
  cut(): void {
    this.#cut = true;
    this.#socket?.destroy();
  }

  #connectTo({ host, port }: Host): Promise<Socket> {
    const place = host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
    this.#socket = net.connect({ ...place, noDelay: true });
    return secure(this.#socket, this.#address.tls, host);
  }
}
