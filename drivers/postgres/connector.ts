import { invalid, StateError } from "../../src/errors.js";
import type { PostgresClient } from "./client.js";
import type { PoolOptions } from "./client-pool.js";
import { type Settings, URL_RULE } from "./config.js";
import { Line } from "./line.js";

/** Where clients come from. */
export interface Connector {
  /** Makes clients of one connection each; the server itself ends their statements a little before the deadline. */
  clients(timeoutMs: number): PoolOptions["connect"];
  /** What they connect to; the password masked. */
  readonly target: string;
}

type Postgres = (url: string, options: object) => PostgresClient;

/** What is read of a client's own, parsed options, and the one that is set. */
interface ClientOptions {
  readonly host?: readonly string[];
  readonly port?: readonly number[];
  readonly user?: string;
  readonly pass?: unknown;
  readonly database?: string;
  readonly max?: number;
  readonly fetch_types?: boolean;
  onclose?: ((connection: number) => void) | undefined;
}

export async function connectorOf(source: Settings["source"], prepare: boolean): Promise<Connector> {
  if ("connect" in source) {
    const clients = ownClients(source.connect);
    return { clients: () => clients, target: "postgres: a client of the caller's" };
  }
  const postgres = await loadPostgres();
  return {
    target: maskedTarget(postgres, source.url),
    clients: (timeoutMs) => (onClosed) => {
      const line = new Line();
      const client = postgres(source.url, {
        max: 1,
        fetch_types: false,
        onnotice() {},
        onclose: onClosed,
        socket: line.connect,
        max_lifetime: null,
        connection: { application_name: "groundstate", ...(prepare ? sessionSettings(timeoutMs) : {}) },
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

function maskedTarget(postgres: Postgres, url: string): string {
  const { host, port, user, pass, database } = parsed(postgres, url);
  const password = pass === undefined || pass === "" ? "" : ":***";
  const hosts = (host ?? []).map((name, index) => `${name}:${port?.[index]}`);
  return `postgres://${user}${password}@${hosts.join(",")}/${database}`;
}

function parsed(postgres: Postgres, url: string): ClientOptions {
  try {
    return optionsOf(postgres(url, { max: 1 }));
  } catch {
    // No cause: it would show the URL, and with it the password.
    throw invalid("url", URL_RULE);
  }
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
