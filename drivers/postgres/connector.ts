import { invalid, StateError } from "../../src/contract/errors.js";
import { type Address, type Host, shownAddress } from "./address.js";
import type { ConnectionEvents, PooledClient, PostgresClient } from "./client.js";
import type { Settings } from "./config.js";
import { Hosts } from "./hosts.js";
import type { PoolOptions } from "./pool-options.js";
import { ClientSocket } from "./socket.js";

/** Makes the clients of a pool. */
export interface Connector extends Pick<PoolOptions, "hosts"> {
  /** Makes clients of one connection each; the server itself ends their statements a little before the deadline. */
  clients(connectMs: number, timeoutMs: number): Clients;
  /** Whether its clients tell of notifications. */
  readonly canListen: boolean;
  /** The address that they connect to, with the password masked. */
  readonly target: string;
}

type Clients = Pick<PoolOptions, "connect" | "connectMs" | "statementTimeoutMs" | "ownsClients">;

type Postgres = (options: object) => PostgresClient;

/** The client's parsed options that the driver reads, and `onclose`, which it sets. */
interface ClientOptions {
  readonly max?: number;
  readonly fetch_types?: boolean;
  onclose?: ((connection: number) => void) | undefined;
}

/** `policies`: the role is bound by policies. Otherwise rows that one hides are an error, not missing records. */
export async function connectorOf(
  source: Settings["source"],
  prepare: boolean,
  policies = false,
): Promise<Connector> {
  if ("connect" in source) {
    const connect = ownClients(source.connect);
    const target = "postgres: a client of the caller's";
    return {
      clients: (connectMs) => ({ connect, connectMs }),
      hosts: new Hosts(1),
      target,
      canListen: false,
    };
  }
  const { address } = source;
  const postgres = await loadPostgres();
  const { hosts, connectTimeoutMs = Number.POSITIVE_INFINITY } = address;
  return {
    target: shownAddress(address),
    hosts: new Hosts(hosts.length),
    canListen: true,
    clients: (connectMs, timeoutMs) => ({
      connect: (host, events) => {
        const settings = prepare ? sessionSettings(timeoutMs, policies) : {};
        return clientOf(postgres, address, hosts[host] as Host, settings, events);
      },
      ownsClients: true,
      connectMs: Math.min(connectMs, connectTimeoutMs),
      statementTimeoutMs: prepare ? statementTimeoutMs(timeoutMs) : undefined,
    }),
  };
}

/** A client of one host. The driver chooses the host, because the client would always begin with the first. */
function clientOf(
  postgres: Postgres,
  { user, password, database, tls, parameters }: Address,
  host: Host,
  settings: Record<string, number | string>,
  { closed, notice, notified }: ConnectionEvents,
): PooledClient {
  const socket = new ClientSocket(host, tls);
  const client = postgres({
    host: [host.host],
    port: [host.port],
    user,
    pass: password,
    database,
    max: 1,
    fetch_types: false,
    onnotice: notice,
    onnotify: notified,
    onclose: closed,
    socket: socket.connect,
    // Set explicitly, so that the client does not take them from the environment.
    ssl: false,
    sslnegotiation: null,
    target_session_attrs: null,
    idle_timeout: null,
    max_lifetime: null,
    connection: { application_name: "groundstate", ...parameters, ...settings },
  });
  return {
    unsafe: client.unsafe,
    end: client.end,
    destroy: () => socket.destroy(),
    ref: () => socket.ref(),
    unref: () => socket.unref(),
  };
}

/** Less than the deadline, so that the server gives up and reports it before the caller does. */
export function lockTimeoutMs(timeoutMs: number): number {
  return Math.floor(timeoutMs * 0.6);
}

function statementTimeoutMs(timeoutMs: number): number {
  return Math.floor(timeoutMs * 0.65);
}

function sessionSettings(timeoutMs: number, policies: boolean): Record<string, number | string> {
  return {
    default_transaction_isolation: "read committed",
    // The forms in which the client reads bytes and the driver writes arrays.
    bytea_output: "hex",
    array_nulls: "on",
    client_min_messages: "warning",
    row_security: policies ? "on" : "off",
    statement_timeout: statementTimeoutMs(timeoutMs),
    lock_timeout: lockTimeoutMs(timeoutMs),
    idle_in_transaction_session_timeout: timeoutMs,
  };
}

/**
 * Refuses clients that break the pool's rules: shared ones, ones with several connections, and ones that fetch types when
 * they connect. Listens for the end of a client's connection, after which it must not be used again.
 */
function ownClients(connect: () => PostgresClient): PoolOptions["connect"] {
  const made = new WeakSet<object>();
  return (_, { closed }) => {
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
      closed();
    };
    return client;
  };
}

function optionsOf(client: PostgresClient): ClientOptions {
  return (client as { options?: ClientOptions }).options ?? {};
}

/** Loads the package when a store is opened and not before. */
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
