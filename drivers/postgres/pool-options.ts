import type { ConnectionEvents, PooledClient } from "./client.js";
import type { Hosts } from "./hosts.js";

export interface PoolOptions {
  /** Makes one client of one connection to one of the hosts. */
  readonly connect: (host: number, events: ConnectionEvents) => PooledClient;
  readonly hosts: Hosts;
  readonly size: number;
  /** From the call to its answer, waiting and connecting included, in milliseconds. */
  readonly timeoutMs: number;
  /** The most that one connection may take to be made. Default all of it. */
  readonly connectMs?: number;
  readonly prepare: boolean;
  /** What the session's own limit of a statement was asked to be, where it was. */
  readonly statementTimeoutMs?: number | undefined;
  /** After so long a connection must prove itself again before it is used, in milliseconds. Default 10,000. */
  readonly staleMs?: number;
}
