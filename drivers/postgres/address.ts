import { userInfo } from "node:os";
import { invalid } from "../../src/contract/errors.js";
import { type Environment, readTls, type Tls } from "./tls-mode.js";
import { startupParameters } from "./url-parameters.js";

/** One server. A host that begins with `/` is the folder of a Unix socket. */
export interface Host {
  readonly host: string;
  readonly port: number;
}

/** The parts of a URL, decoded and checked. */
export interface Address {
  /** One or more, in the order of the URL. */
  readonly hosts: readonly Host[];
  readonly user: string;
  /** Empty when there is none. */
  readonly password: string;
  readonly database: string;
  readonly tls: Tls;
  /** `connect_timeout`, in milliseconds. */
  readonly connectTimeoutMs?: number;
  /** Settings for the server's session. */
  readonly parameters: Readonly<Record<string, string>>;
}

export const URL_RULE =
  "postgres://user:password@host:port/database, with special characters percent-encoded";

/** Scheme, login, hosts, database, parameters. A wrongly encoded part makes the URL not match. */
const FORM = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^@?#]*))?(?:\?([^@#]*))?$/i;
/** A name, an IPv4 address, or an IPv6 address in brackets; then a port. */
const HOST_FORM = /^(\[[^\]]+\]|[^[\]:]*)(?::(\d*))?$/;

/** Throws INVALID_RECORD, which shows nothing of the URL except the name of a parameter. */
export function readAddress(url: string, env: Environment = process.env): Address {
  const parts = FORM.exec(url);
  if (parts === null) throw invalidUrl();
  const [, login = "", hosts = "", database = "", query = ""] = parts;
  const given = parametersOf(query);
  const colon = login.indexOf(":");
  const inUrl = {
    user: decoded(colon < 0 ? login : login.slice(0, colon)),
    password: colon < 0 ? "" : decoded(login.slice(colon + 1)),
    database: decoded(database),
  };
  // Parameters win over the rest of the URL, as in libpq.
  const user = given.get("user") || inUrl.user || env.PGUSER || userInfo().username;
  const password = given.get("password") || inUrl.password || env.PGPASSWORD || "";
  const seconds = readSeconds(given.get("connect_timeout"));
  return {
    hosts: readHosts(hosts, given, env),
    user,
    password,
    database: given.get("dbname") || inUrl.database || env.PGDATABASE || user,
    tls: readTls(given, env),
    ...(seconds === 0 ? {} : { connectTimeoutMs: seconds * 1000 }),
    parameters: startupParameters(given),
  };
}

/** The address as a URL, with the password masked. */
export function shownAddress({ hosts, user, password, database }: Address): string {
  const shown = hosts.map(({ host, port }) =>
    host.includes(":") ? `[${host}]:${port}` : `${encodeURIComponent(host)}:${port}`,
  );
  const login = `${encodeURIComponent(user)}${password === "" ? "" : ":***"}`;
  return `postgres://${login}@${shown.join(",")}/${encodeURIComponent(database)}`;
}

function parametersOf(query: string): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    if (equals < 1) throw invalidUrl();
    given.set(decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1)));
  }
  return given;
}

function readHosts(text: string, given: ReadonlyMap<string, string>, env: Environment): Host[] {
  const inUrl = text === "" ? [] : text.split(",").map(hostOf);
  const hosts = given.get("host")?.split(",") ?? inUrl.map(({ host }) => host);
  if (hosts.length === 0) hosts.push(...(env.PGHOST || "localhost").split(","));
  const ports = given.get("port")?.split(",") ?? inUrl.map(({ port }) => port);
  return hosts.map((host, index) => ({
    host: readHost(host),
    port: readPort((ports.length > 1 ? ports[index] : ports[0]) || env.PGPORT || "5432"),
  }));
}

function hostOf(text: string): { host: string; port: string } {
  const [, host = "", port = ""] = HOST_FORM.exec(text) ?? [];
  return { host: decoded(host.replace(/^\[|\]$/g, "")), port };
}

function readHost(host: string): string {
  if (host === "" || /[\s@"'\0]/.test(host)) throw invalidUrl();
  if (host.includes("/") && !host.startsWith("/")) throw invalidUrl();
  return host;
}

function readPort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw invalidUrl();
  return port;
}

function readSeconds(text = "0"): number {
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 3600) {
    throw invalid("url", "given a connect_timeout in whole seconds, at most 3600, or none");
  }
  return seconds;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // No cause: it would show a part of the URL.
    throw invalidUrl();
  }
}

function invalidUrl(): Error {
  return invalid("url", URL_RULE);
}
