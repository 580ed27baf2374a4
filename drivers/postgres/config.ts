import { invalid } from "../../src/contract/errors.js";
import { readDriverConfig } from "../../src/validation/store-options.js";
import { readInteger } from "../../src/validation/validate.js";
import type { MigrateMode } from "../migrations.js";
import { type Address, readAddress, URL_RULE } from "./address.js";
import type { PostgresClient } from "./client.js";
import { type Names, namesOf } from "./names.js";

/**
 * Exactly one of `url` and `connect`. An option that is present with the value `undefined` is INVALID_RECORD.
 */
export interface PostgresConfig {
  /**
   * `postgres://user:password@host:port/database`, with special characters percent-encoded; also several hosts with
   * commas between them, of which the primary is meant, `[::1]`, and the folder of a Unix socket: `%2Fvar%2Frun` or
   * `?host=/var/run`. What is left out comes from PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE, PGSSLROOTCERT.
   *
   * `sslmode`, `sslrootcert` (a file, or `system`), `sslcert`, `sslkey`, `sslpassword`, `sslnegotiation` and
   * `connect_timeout` as libpq has them, without an sslmode: `disable`; `allow` is `prefer`, and without an sslrootcert
   * those vouch that Node trusts. Settings of the server's session (`application_name`, `options`, ...) are passed on;
   * a parameter that can be neither heeded nor passed over is INVALID_RECORD and named.
   */
  readonly url?: string;
  /**
   * In place of `url`: makes a client of the `postgres` package. Called once for each pooled connection; each call
   * must make a new one, with `{ max: 1, fetch_types: false }`. Behind a server that falls silent such a client keeps its
   * socket, for only with `url` the line below it can be cut.
   */
  readonly connect?: () => PostgresClient;
  /** Default `groundstate`. Created if it does not exist. */
  readonly schema?: string;
  /** Before the name of each table and function. Default empty. */
  readonly tablePrefix?: string;
  /** Default `apply`. */
  readonly migrate?: MigrateMode;
  /**
   * `false` for poolers in transaction mode (PgBouncer and others): no prepared statements, and no settings that
   * would have to outlive a statement. Default true.
   */
  readonly prepare?: boolean;
  /** Connections: 1 to 100. Default 5. */
  readonly poolSize?: number;
  /**
   * How long a call may take, in milliseconds, from when it enters the store and whatever it meets: waiting for room, for
   * its turn, for a connection or a lock, a failover, every try again. 100 to 3,600,000. Default 10,000. A call ends at most
   * a second later. Each page of a long scan, and each piece of what a large erase leaves, is a call of its own in this.
   */
  readonly timeoutMs?: number;
  /**
   * How long opening waits for a server that is not there yet, in milliseconds: one that refuses, is starting, or only
   * reads until it is promoted. 0 to 3,600,000; 0 asks every host once. Default 5,000.
   */
  readonly openTimeoutMs?: number;
}

/** A configuration checked, with what is left out filled in. */
export interface Settings {
  readonly source: { readonly address: Address } | { readonly connect: () => PostgresClient };
  readonly names: Names;
  readonly migrate: MigrateMode;
  readonly prepare: boolean;
  readonly poolSize: number;
  readonly timeoutMs: number;
  readonly openTimeoutMs: number;
}

const MODES: readonly MigrateMode[] = ["apply", "verify", "off"];

const OPTIONS = [
  "url",
  "connect",
  "schema",
  "tablePrefix",
  "migrate",
  "prepare",
  "poolSize",
  "timeoutMs",
  "openTimeoutMs",
];

export function readConfig(config: PostgresConfig): Settings {
  readDriverConfig(config, OPTIONS);
  for (const [field, value] of Object.entries(config)) {
    if (value === undefined) throw invalid(field, "left out or given a value");
  }
  const { schema = "groundstate", tablePrefix = "", migrate = "apply", prepare = true } = config;
  if (!MODES.includes(migrate)) throw invalid("migrate", '"apply", "verify" or "off"');
  if (typeof prepare !== "boolean") throw invalid("prepare", "true or false");
  return {
    source: readSource(config),
    names: namesOf(schema, tablePrefix),
    migrate,
    prepare,
    poolSize: readInteger(config.poolSize ?? 5, "poolSize", 1, 100),
    timeoutMs: readInteger(config.timeoutMs ?? 10_000, "timeoutMs", 100, 3_600_000),
    openTimeoutMs: readInteger(config.openTimeoutMs ?? 5_000, "openTimeoutMs", 0, 3_600_000),
  };
}

function readSource({ url, connect }: PostgresConfig): Settings["source"] {
  if ((url === undefined) === (connect === undefined)) throw invalid("url", "given, or connect in its place");
  if (connect !== undefined) {
    if (typeof connect !== "function") throw invalid("connect", "a function that makes a client");
    return { connect };
  }
  if (typeof url !== "string") throw invalid("url", URL_RULE);
  return { address: readAddress(url) };
}
