import { onTestFinished } from "vitest";
import type { ConnectionEvents, PostgresClient } from "../../drivers/postgres/client.js";
import { ClientPool } from "../../drivers/postgres/client-pool.js";
import { Hosts } from "../../drivers/postgres/hosts.js";
import type { PoolOptions } from "../../drivers/postgres/pool-options.js";
import type { Rows, Sent } from "./postgres-rig.js";

/** A ready server's answer to the probe. */
export const READY = {
  is_ready: 1,
  some_text: "\u00e9\u{1f600}",
  some_bytes: Buffer.from("005cff", "hex"),
  milliseconds: "0",
  is_standby: "false",
  is_read_only: "off",
  server_start: "2026-01-01",
  search_schemas: "pg_catalog,public",
  statement_timeout: "0",
  server_encoding: "UTF8",
  client_encoding: "UTF8",
  transaction_isolation: "read committed",
  bytea_output: "hex",
  array_nulls: "on",
  client_min_messages: "notice",
};

/** A client whose queries the test answers, so that it can imitate the faults of the real client. */
export class FakeClient implements PostgresClient {
  readonly queries: PendingQuery[] = [];
  ended: number | undefined;
  unsafe(text: string, parameters: unknown[] = []): Promise<Rows> {
    return new Promise((resolve, reject) => {
      const query = { text, parameters, resolve, reject };
      if (text.includes("is_ready") && !this.isSilent) resolve([{ ...READY, ...this.ready }]);
      else this.queries.push(query);
    });
  }
  async end({ timeout }: { timeout?: number } = {}): Promise<void> {
    this.ended = timeout;
    for (const { reject } of this.queries)
      reject(Object.assign(new Error("destroyed"), { code: "CONNECTION_DESTROYED" }));
  }
  /** A client that is mute is not even ready, and of one that is, `ready` may say otherwise. */
  constructor(
    public isSilent = false,
    public ready: object = {},
  ) {}
}

export interface PendingQuery extends Sent {
  readonly resolve: (rows: Rows) => void;
  readonly reject: (error: unknown) => void;
}

export function fakePool(options: Partial<PoolOptions> = {}) {
  const clients: FakeClient[] = [];
  const closers: (() => void)[] = [];
  const connect = (_: number, { closed }: ConnectionEvents) => {
    closers.push(closed);
    const client = new FakeClient();
    clients.push(client);
    return client;
  };
  const pool = new ClientPool({
    connect,
    hosts: new Hosts(1),
    size: 2,
    timeoutMs: 500,
    prepare: true,
    ...options,
  });
  onTestFinished(() => pool.close());
  const queries = () => clients.flatMap((client) => client.queries);
  return { pool, clients, closers, queries };
}

/** Waits until pending promises have settled. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));
