import { onTestFinished } from "vitest";
import type { ConnectionEvents, PostgresClient } from "../../drivers/postgres/client.js";
import { ClientPool } from "../../drivers/postgres/client-pool.js";
import { Hosts } from "../../drivers/postgres/hosts.js";
import type { PoolOptions } from "../../drivers/postgres/pool-options.js";
import type { Rows, Sent } from "./postgres-rig.js";

/** What a server that is ready answers to the first question. */
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

/** A client whose answers a test gives; what the real one would do wrong can be staged with it. */
export class FakeClient implements PostgresClient {
  readonly asked: Question[] = [];
  ended: number | undefined;
  unsafe(text: string, parameters: unknown[] = []): Promise<Rows> {
    return new Promise((resolve, reject) => {
      const question = { text, parameters, resolve, reject };
      if (text.includes("is_ready") && !this.mute) resolve([{ ...READY, ...this.ready }]);
      else this.asked.push(question);
    });
  }
  async end({ timeout }: { timeout?: number } = {}): Promise<void> {
    this.ended = timeout;
    for (const { reject } of this.asked)
      reject(Object.assign(new Error("destroyed"), { code: "CONNECTION_DESTROYED" }));
  }
  /** A client that is mute is not even ready, and of one that is, `ready` may say otherwise. */
  constructor(
    public mute = false,
    public ready: object = {},
  ) {}
}

export interface Question extends Sent {
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
  const asked = () => clients.flatMap((client) => client.asked);
  return { pool, clients, closers, asked };
}

/** Long enough for everything that is ready to go on. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));
