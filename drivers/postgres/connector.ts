import { invalid, StateError } from "../../src/errors.js";
import type { PoolOptions, PostgresClient } from "./client-pool.js";
import type { Settings } from "./config.js";

/** Where clients come from. */
export interface Connector {
  /** Makes clients of one connection each; the server itself ends their statements a little before the deadline. */
  clients(timeoutMs: number): PoolOptions["connect"];
  /** What they connect to; the password masked. */
  readonly target: string;
}

type Postgres = (url: string, options: object) => PostgresClient;

/** What is read of a client's own, parsed options. */
interface ClientOptions {
  readonly host?: readonly string[];
  readonly port?: readonly number[];
  readonly user?: string;
  readonly pass?: unknown;
  readonly database?: string;
  readonly max?: number;
}

export async function connectorOf(source: Settings["source"], prepare: boolean): Promise<Connector> {
  if ("connect" in source) {
    return { clients: () => ownClients(source.connect), target: "postgres: a client of the caller's" };
  }
  const postgres = await loadPostgres();
  const clients = (timeoutMs: number) => (onClosed: () => void) =>
    postgres(source.url, {
      max: 1,
      fetch_types: false,
      onnotice() {},
      onclose: onClosed,
      connect_timeout: Math.ceil(timeoutMs / 1000),
      max_lifetime: null,
      connection: { application_name: "groundstate", ...(prepare ? sessionSettings(timeoutMs) : {}) },
    });
  try {
    return { clients, target: maskedTarget(clients(1000)(() => {})) };
  } catch {
    // No cause: it would show the URL, and with it the password.
    throw invalid("url", "postgres://user:password@host:port/database");
  }
}

/** A part of the deadline, so that the server gives up, and says so, before the caller does. */
export function lockTimeoutMs(timeoutMs: number): number {
  return Math.floor(timeoutMs * 0.6);
}

function sessionSettings(timeoutMs: number): Record<string, number> {
  return {
    statement_timeout: Math.floor(timeoutMs * 0.8),
    lock_timeout: lockTimeoutMs(timeoutMs),
    idle_in_transaction_session_timeout: timeoutMs,
  };
}

/** A shared client, or one of several connections, would break the discipline of the pool. */
function ownClients(connect: () => PostgresClient): () => PostgresClient {
  const made = new WeakSet<object>();
  return () => {
    const client = connect();
    const { max } = optionsOf(client);
    if (made.has(client) || (max !== undefined && max !== 1)) {
      throw invalid("connect", "a function that makes a new client with { max: 1 } each time it is called");
    }
    made.add(client);
    return client;
  };
}

function maskedTarget(client: PostgresClient): string {
  const { host, port, user, pass, database } = optionsOf(client);
  const password = pass === undefined || pass === "" ? "" : ":***";
  const hosts = (host ?? []).map((name, index) => `${name}:${port?.[index]}`);
  return `postgres://${user}${password}@${hosts.join(",")}/${database}`;
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
