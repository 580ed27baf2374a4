import { invalid } from "../../src/contract/errors.js";
import { readDriverConfig } from "../../src/validation/store-options.js";
import { readBoolean, readInteger, readNamed, readOneOf } from "../../src/validation/validate.js";
import type { MigrateMode } from "../migrations.js";
import { type Address, readAddress, URL_RULE } from "./address.js";
import type { PostgresClient } from "./client.js";
import { type Names, namesOf } from "./names.js";

/**
 * Exactly one of `url` and `connect`. An option that is present with the value `undefined` is INVALID_RECORD.
 */
export interface PostgresConfig {
  /**
   * `postgres://user:password@host:port/database`, with special characters percent-encoded. A host may be `[::1]`, the
   * folder of a Unix socket (`%2Fvar%2Frun`, or `?host=/var/run`), or several hosts separated by commas, of which the
   * driver uses the primary. Parts that are left out come from PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE
   * and PGSSLROOTCERT.
   *
   * `sslmode`, `sslrootcert` (a file, or `system`), `sslcert`, `sslkey`, `sslpassword`, `sslnegotiation` and
   * `connect_timeout` work as in libpq, with three differences: the default sslmode is `disable`, `allow` means `prefer`,
   * and without an sslrootcert Node's own certificate authorities are trusted. Settings of the server's session
   * (`application_name`, `options`, ...) are passed on. A parameter that the driver cannot honour is INVALID_RECORD, which
   * names it.
   */
  readonly url?: string;
  /**
   * In place of `url`: makes a client of the `postgres` package. Called once for each pooled connection; each call
   * must make a new one, with `{ max: 1, fetch_types: false }`. When a server falls silent, such a client keeps its socket
   * open: the driver can destroy sockets only with `url`.
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
  /**
   * `tenant`: no statement writes or reads slots of several tenants; callers of different tenants then share no statement.
   * For row-level security by tenant and for data that is placed by tenant. Forgetting event ids, removing what old erases
   * left, and a scan of all tenants still go over all. Default `shared`, which takes fewer statements when many tenants
   * work at once.
   */
  readonly batch?: "shared" | "tenant";
  /**
   * `tenant`: each statement proves to the server of which tenant it is, and row-level security lets it see and write that
   * tenant's rows alone. Needs `tenantKey`, tables that `isolateTenants` has prepared, and a role that owns nothing; opening is
   * refused with UNAVAILABLE and the reason `setup` otherwise. Implies `batch: "tenant"` and `migrate: "verify"`; `notify` is
   * refused. Default `none`.
   */
  readonly isolation?: "none" | "tenant";
  /** The key that `isolateTenants` got: a secret of 32 to 1,024 characters, made at random. Only with `isolation: "tenant"`. */
  readonly tenantKey?: string;
  /**
   * The login of a role that sees all tenants. With `isolation: "tenant"` scans of all tenants use it, in one connection of its
   * own that is made for the first of them; without it they are UNAVAILABLE with the reason `setup`.
   */
  readonly admin?: AdminConfig;
  /**
   * `true`: changes that another store makes show in watches within milliseconds, if that store has the option too. Each batch
   * then ends with a NOTIFY, for which Postgres takes one lock for the whole database at commit, so batches of all stores
   * commit one after another. While something is watched, the driver keeps one connection more, to listen, and the store asks
   * every 2 seconds instead of every `pollMs`, or every `pollMs` if that is longer. Where notifications do not arrive, as
   * behind a pooler in transaction mode or with `connect`, it goes on asking every `pollMs`. Default false.
   */
  readonly notify?: boolean;
  /** Connections: 1 to 100. Default 5. */
  readonly poolSize?: number;
  /**
   * How long a call may take, in milliseconds, from when it enters the store. This includes waits for the queue, for a
   * connection or a lock, a failover, and every retry. 100 to 3,600,000. Default 10,000. A call ends at most a second
   * later. Each page of a long scan, and each sweep after a large erase, counts as a call of its own.
   */
  readonly timeoutMs?: number;
  /**
   * How long opening waits for a server that is not ready, in milliseconds: one that refuses connections, is starting, or
   * is a standby until it is promoted. 0 to 3,600,000; 0 tries every host once. Default 5,000.
   */
  readonly openTimeoutMs?: number;
}

/** The login of a role that sees all tenants. */
export interface AdminConfig {
  /** As the store's own `url`, for the same database. */
  readonly url: string;
}

/** How statements prove their tenant. */
export interface IsolationSettings {
  readonly tenantKey: string;
  readonly admin: Address | undefined;
}

/** A checked configuration, with defaults filled in. */
export interface Settings {
  readonly source: { readonly address: Address } | { readonly connect: () => PostgresClient };
  readonly names: Names;
  readonly migrate: MigrateMode;
  readonly prepare: boolean;
  readonly oneTenant: boolean;
  readonly isolation: IsolationSettings | undefined;
  readonly notify: boolean;
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
  "batch",
  "isolation",
  "tenantKey",
  "admin",
  "notify",
  "poolSize",
  "timeoutMs",
  "openTimeoutMs",
];

export function readConfig(config: PostgresConfig): Settings {
  readDriverConfig(config, OPTIONS);
  for (const [field, value] of Object.entries(config)) {
    if (value === undefined) throw invalid(field, "left out or given a value");
  }
  const {
    schema = "groundstate",
    tablePrefix = "",
    migrate = config.isolation === "tenant" ? "verify" : "apply",
    prepare = true,
    notify = false,
  } = config;
  if (!MODES.includes(migrate)) throw invalid("migrate", '"apply", "verify" or "off"');
  if (typeof prepare !== "boolean") throw invalid("prepare", "true or false");
  const isolation = readIsolation(config);
  return {
    source: readSource(config),
    names: namesOf(schema, tablePrefix),
    migrate,
    prepare,
    oneTenant:
      readOneOf(config.batch ?? "shared", "batch", ["shared", "tenant"]) === "tenant" ||
      isolation !== undefined,
    isolation,
    notify: readBoolean(notify, "notify"),
    poolSize: readInteger(config.poolSize ?? 5, "poolSize", 1, 100),
    timeoutMs: readInteger(config.timeoutMs ?? 10_000, "timeoutMs", 100, 3_600_000),
    openTimeoutMs: readInteger(config.openTimeoutMs ?? 5_000, "openTimeoutMs", 0, 3_600_000),
  };
}

function readIsolation(config: PostgresConfig): IsolationSettings | undefined {
  const { isolation = "none", tenantKey, admin, batch, migrate, notify } = config;
  if (readOneOf(isolation, "isolation", ["none", "tenant"]) === "none") {
    if (tenantKey !== undefined) throw invalid("tenantKey", 'left out, or given with isolation: "tenant"');
    if (admin !== undefined) throw invalid("admin", 'left out, or given with isolation: "tenant"');
    return undefined;
  }
  if (batch === "shared") throw invalid("batch", '"tenant" with isolation: "tenant"');
  if (migrate === "apply")
    throw invalid(
      "migrate",
      '"verify" or "off" with isolation: "tenant": the owner migrates, by isolateTenants',
    );
  // Whoever may connect can listen.
  if (notify === true) throw invalid("notify", 'false with isolation: "tenant"');
  return { tenantKey: readTenantKey(tenantKey), admin: admin && readAdmin(admin) };
}

export function readTenantKey(key: unknown): string {
  if (typeof key === "string" && key.length >= 32 && key.length <= 1024 && key.isWellFormed()) return key;
  throw invalid("tenantKey", "a secret of 32 to 1,024 characters");
}

function readAdmin(admin: unknown): Address {
  const { url } = readNamed(admin, "admin", ["url"]) as Partial<AdminConfig>;
  if (typeof url !== "string") throw invalid("admin.url", URL_RULE);
  return readAddress(url);
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
