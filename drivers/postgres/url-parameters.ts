import { invalid } from "../../src/contract/errors.js";

/** Read by other modules: address, login and TLS. */
const READ: ReadonlySet<string> = new Set([
  "host",
  "port",
  "user",
  "password",
  "dbname",
  "connect_timeout",
  "sslmode",
  "ssl",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "sslpassword",
]);

/** Parameters of libpq that can be ignored without harm: https://www.postgresql.org/docs/current/libpq-connect.html */
const IGNORED: ReadonlySet<string> = new Set([
  "fallback_application_name",
  "keepalives",
  "keepalives_idle",
  "keepalives_interval",
  "keepalives_count",
  "tcp_user_timeout",
  "sslcompression",
  "sslsni",
  "sslcertmode",
]);

/** Values that can be ignored without harm. Any other value asks for something that this driver cannot do. */
const HARMLESS: Readonly<Record<string, readonly string[]>> = {
  // The store always needs the primary.
  target_session_attrs: ["any", "read-write", "primary"],
  sslnegotiation: ["postgres", "direct"],
  gssencmode: ["disable", "prefer"],
  channel_binding: ["disable", "prefer"],
  load_balance_hosts: ["disable"],
  client_encoding: ["auto", "UTF8", "utf8", "UTF-8", "utf-8"],
};

/** Parameters that ask for something this driver cannot do. Passed on, they would be taken for settings of the server. */
const REFUSED: ReadonlySet<string> = new Set([
  "hostaddr",
  "service",
  "servicefile",
  "passfile",
  "replication",
  "require_auth",
  "requirepeer",
  "requiressl",
  "krbsrvname",
  "gsslib",
  "gssdelegation",
  "sslcrl",
  "sslcrldir",
  "ssl_min_protocol_version",
  "ssl_max_protocol_version",
  "sslkeylogfile",
  "min_protocol_version",
  "max_protocol_version",
  "scram_client_key",
  "scram_server_key",
  "oauth_issuer",
  "oauth_client_id",
  "oauth_client_secret",
  "oauth_scope",
  // The `postgres` package's own.
  "max",
  "idle_timeout",
  "max_lifetime",
  "max_pipeline",
  "backoff",
  "keep_alive",
  "debug",
  "fetch_types",
  "publications",
]);

/** Options of the driver. In a URL they would be passed on as settings that the server does not know. */
const OPTIONS: ReadonlySet<string> = new Set([
  "schema",
  "tablePrefix",
  "migrate",
  "prepare",
  "poolSize",
  "timeoutMs",
  "openTimeoutMs",
  "batch",
  "notify",
  "isolation",
  "tenantKey",
  "admin",
]);

/** The remaining parameters are settings of the server: `application_name`, `options`, `search_path`, ... */
export function startupParameters(given: ReadonlyMap<string, string>): Record<string, string> {
  const parameters: Record<string, string> = {};
  for (const [name, value] of given) {
    if (READ.has(name) || IGNORED.has(name)) continue;
    if (OPTIONS.has(name)) throw invalid("url", `without ${name}, which is an option beside it`);
    if (REFUSED.has(name)) throw invalid("url", `without ${name}, which cannot be heeded here`);
    const harmless = Object.hasOwn(HARMLESS, name) ? HARMLESS[name] : undefined;
    if (harmless?.includes(value)) continue;
    if (harmless !== undefined) {
      throw invalid("url", `without ${name}, or with ${harmless.join(" or ")}: no other can be heeded here`);
    }
    // A name of another form may be part of a password, so the error does not show it.
    if (!/^[a-z_][\w.]{0,62}$/i.test(name)) {
      throw invalid("url", "without a parameter that no server can have");
    }
    parameters[name] = value;
  }
  return parameters;
}
