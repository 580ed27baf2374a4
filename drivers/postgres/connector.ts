import { invalid, StateError } from "../../src/errors.js";
import { type Address, shownAddress } from "./address.js";
import type { PostgresClient } from "./client.js";
import type { PoolOptions } from "./client-pool.js";
import type { Settings } from "./config.js";
import { Line } from "./line.js";

/** Where clients come from. */
export interface Connector {
  /** Makes clients of one connection each; the server itself ends their statements a little before the deadline. */
  clients(timeoutMs: number): PoolOptions["connect"];
  /** What they connect to; the password masked. */
  readonly target: string;
}

type Postgres = (options: object) => PostgresClient;

/** What is read of a client's own, parsed options, and the one that is set. */
interface ClientOptions {
  readonly max?: number;
  readonly fetch_types?: boolean;
  onclose?: ((connection: number) => void) | undefined;
}

export async function connectorOf(source: Settings["source"], prepare: boolean): Promise<Connector> {
  if ("connect" in source) {
    const clients = ownClients(source.connect);
    return { clients: () => clients, target: "postgres: a client of the caller's" };
  }
  const { address } = source;
  const postgres = await loadPostgres();
  return {
    target: shownAddress(address),
    clients: (timeoutMs) => (onClosed) => {
      const line = new Line(address);
      const client = postgres({
        ...identityOf(address),
        max: 1,
        fetch_types: false,
        onnotice() {},
        onclose: onClosed,
        socket: line.connect,
        // Nothing of these is to come from the environment.
        ssl: false,
        sslnegotiation: null,
        target_session_attrs: address.hosts.length > 1 ? "primary" : null,
        idle_timeout: null,
        max_lifetime: null,
        connection: {
          application_name: "groundstate",
          ...address.parameters,
          ...(prepare ? sessionSettings(timeoutMs) : {}),
        },
      });
      return {
        unsafe: client.unsafe,
        async end(options) {
          await client.end(options);
          line.cut();
        },
      };
    },
  };
}

/** A part of the deadline, so that the server gives up, and says so, before the caller does. */
export function lockTimeoutMs(timeoutMs: number): number {
  return Math.floor(timeoutMs * 0.6);
}

function sessionSettings(timeoutMs: number): Record<string, number | string> {
  return {
    default_transaction_isolation: "read committed",
    // The forms in which the client reads bytes and the driver writes arrays.
    bytea_output: "hex",
    array_nulls: "on",
    statement_timeout: Math.floor(timeoutMs * 0.8),
    lock_timeout: lockTimeoutMs(timeoutMs),
    idle_in_transaction_session_timeout: timeoutMs,
  };
}

/**
 * A shared client, one of several connections, or one that asks for types when it connects would break the
 * discipline of the pool. One whose connection ended is better not used again, so that is listened for.
 */
function ownClients(connect: () => PostgresClient): PoolOptions["connect"] {
  const made = new WeakSet<object>();
  return (onClosed) => {
    const client = connect();
    const options = optionsOf(client);
    const { max = 1, fetch_types = false, onclose } = options;
    if (made.has(client) || max !== 1 || fetch_types) {
      throw invalid(
        "connect",
        "a function that makes a new client with { max: 1, fetch_types: false } each time",
      );
    }
    made.add(client);
    options.onclose = (connection) => {
      onclose?.(connection);
      onClosed();
    };
    return client;
  };
}

/** As the client wants it. Of several hosts it hears of no failure but the last one's, so it is told of one. */
function identityOf({ hosts, user, password, database }: Address): object {
  const [{ host, port }] = hosts as readonly [Address["hosts"][number]];
  return { host: [host], port: [port], user, pass: password, database };
}

function optionsOf(client: PostgresClient): ClientOptions {
  return (client as { options?: ClientOptions }).options ?? {};
}

/** Loaded when a store is opened and not before. */
async function loadPostgres(): Promise<Postgres> {
  try {
    const { default: postgres } = await import("postgres");
    return postgres as unknown as Postgres;
  } catch (cause) {
    throw new StateError(
      "UNAVAILABLE",
      "the postgres driver needs the postgres package: npm install postgres",
      {
        details: { reason: "setup" },
        cause,
      },
    );
  }
}
