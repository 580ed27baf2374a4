import type { ConnectionEvents, PooledClient } from "./client.js";
import type { Hosts } from "./hosts.js";

export interface PoolOptions {
  /** Makes one client of one connection to one of the hosts. */
  readonly connect: (host: number, events: ConnectionEvents) => PooledClient;
  readonly hosts: Hosts;
  readonly size: number;
  /** The time limit of a call, waiting and connecting included, in milliseconds. */
  readonly timeoutMs: number;
  /** The time limit for making one connection, in milliseconds. Default: `timeoutMs`. */
  readonly connectMs?: number;
  readonly prepare: boolean;
  /** The driver itself makes the clients, so that none changes a parameter. Default false. */
  readonly ownsClients?: boolean;
  /** The session's `statement_timeout`, if the driver set one. */
  readonly statementTimeoutMs?: number | undefined;
  /** After this time a connection is probed before it is used, in milliseconds. Default 10,000. */
  readonly staleMs?: number;
}
