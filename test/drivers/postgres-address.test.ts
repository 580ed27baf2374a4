import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { readAddress, shownAddress } from "../../drivers/postgres/address.js";
import { openPostgres } from "../../drivers/postgres/index.js";
import {
  apply,
  failOnUncaughtErrors,
  failureWithin,
  freshDatabase,
  open,
  plainClient,
  SECRETS,
  save,
} from "./postgres-rig.js";

failOnUncaughtErrors();

const NO_ENV = {};

describe("a URL is read", () => {
  test.each<[string, string, object]>([
    [
      "all of it",
      "postgres://ann:pw@h:1/x",
      { user: "ann", password: "pw", hosts: at("h:1"), database: "x" },
    ],
    ["the other scheme", "POSTGRESQL://ann@h/x", { user: "ann", hosts: at("h:5432") }],
    ["IPv6", "postgres://ann@[::1]:6/x", { hosts: [{ host: "::1", port: 6 }] }],
    ["IPv6 without a port", "postgres://ann@[fe80::1]/x", { hosts: [{ host: "fe80::1", port: 5432 }] }],
    ["several hosts", "postgres://ann@a:1,b,[::1]:3/x", { hosts: at("a:1", "b:5432", "::1:3") }],
    ["one port for several", "postgres://ann@/x?host=a,b&port=7", { hosts: at("a:7", "b:7") }],
    ["a port for each", "postgres://ann@/x?host=a,b&port=7,8", { hosts: at("a:7", "b:8") }],
    ["a socket's folder as the host", "postgres://ann@%2Fvar%2Frun/x", { hosts: at("/var/run:5432") }],
    [
      "a socket's folder as a parameter",
      "postgres:///x?host=/var/run&user=ann",
      { hosts: at("/var/run:5432") },
    ],
    ["no host", "postgres:///x", { hosts: at("localhost:5432") }],
    [
      "encoded parts",
      "postgres://a%40b:p%3A%2F%23@h/%C3%A4%20%2Fx",
      { user: "a@b", password: "p:/#", database: "ä /x" },
    ],
    ["no database", "postgres://ann@h", { database: "ann" }],
    ["a colon in the password", "postgres://ann:a:b@h/x", { password: "a:b" }],
    ["a time to connect", "postgres://ann@h/x?connect_timeout=3", { connectTimeoutMs: 3000 }],
    [
      "settings",
      "postgres://h/x?application_name=a+b%20c&search_path=y",
      { parameters: { application_name: "a+b c", search_path: "y" } },
    ],
    [
      "what only libpq knows",
      "postgres://h/x?keepalives_idle=3&gssencmode=prefer&target_session_attrs=read-write&channel_binding=prefer",
      { parameters: {} },
    ],
  ])("%s", (_, url, expected) => {
    expect(readAddress(url, NO_ENV)).toMatchObject(expected);
  });

  test("what it leaves out comes from the environment", () => {
    const env = {
      PGHOST: "h",
      PGPORT: "7",
      PGUSER: "ann",
      PGPASSWORD: "pw",
      PGDATABASE: "x",
      PGSSLMODE: "require",
    };
    const found = { hosts: at("h:7"), user: "ann", password: "pw", database: "x", tls: { mode: "require" } };
    expect(readAddress("postgres://", env)).toMatchObject(found);
    expect(readAddress("postgres://bob:1@i:8/y?sslmode=disable", env)).toMatchObject({
      hosts: at("i:8"),
      user: "bob",
      password: "1",
      database: "y",
      tls: { mode: "disable" },
    });
  });

  test.each<[string, string]>([
    ["", "disable"],
    ["sslmode=disable", "disable"],
    ["sslmode=allow", "prefer"],
    ["sslmode=prefer", "prefer"],
    ["sslmode=require", "require"],
    ["sslmode=verify-ca", "verify-ca"],
    ["sslmode=verify-full", "verify-full"],
    ["sslmode=require&sslrootcert=package.json", "verify-ca"],
    ["sslrootcert=system", "verify-full"],
    ["ssl=true", "verify-full"],
  ])("with %s as %s", (query, mode) => {
    expect(readAddress(`postgres://h/x?${query}`, NO_ENV).tls).toMatchObject({ mode });
  });

  test("and shown without the password", () => {
    const shown = (url: string) => shownAddress(readAddress(url, NO_ENV));
    expect(shown("postgres://a%40b:pw@[::1],h:7/x%2Fy")).toBe("postgres://a%40b:***@[::1]:5432,h:7/x%2Fy");
    expect(shown("postgres://ann@%2Frun/x?password=pw")).toBe("postgres://ann:***@%2Frun:5432/x");
  });
});

describe("a URL is refused", () => {
  test.each<[string, string, string]>([
    ["a port too high", "postgres://h:65536/x", "percent-encoded"],
    ["port 0", "postgres://h:0/x", "percent-encoded"],
    ["an empty host among others", "postgres://a,,b/x", "percent-encoded"],
    ["half an IPv6 address", "postgres://[::1/x", "percent-encoded"],
    ["a relative socket", "postgres://run%2Fpg/x", "percent-encoded"],
    ["two at signs", "postgres://ann:p@h@i/x", "percent-encoded"],
    ["an at sign in a parameter", "postgres://ann:12?@h/x", "percent-encoded"],
    ["an sslmode there is not", "postgres://h/x?sslmode=maybe", "verify-full"],
    ["a word of JavaScript's as sslmode", "postgres://h/x?sslmode=constructor", "verify-full"],
    ["direct TLS without TLS", "postgres://h/x?sslnegotiation=direct", "sslmode=require"],
    ["a standby", "postgres://h/x?target_session_attrs=standby", "target_session_attrs"],
    ["channel binding", "postgres://h/x?sslmode=require&channel_binding=require", "channel_binding"],
    ["another encoding", "postgres://h/x?client_encoding=latin1", "client_encoding"],
    ["a service file", "postgres://h/x?service=y", "service"],
    ["a size for the client's own pool", "postgres://h/x?max=20", "max"],
    ["an option of the driver", "postgres://h/x?poolSize=20", "an option beside it"],
    ["a time that is none", "postgres://h/x?connect_timeout=soon", "connect_timeout"],
    ["a name that no parameter has", "postgres://h/x?a%20b=1", "no server can have"],
  ])("%s", (_, url, says) => {
    expect(() => readAddress(url, NO_ENV)).toThrow(
      expect.objectContaining({ code: "INVALID_RECORD", message: expect.stringContaining(says) }),
    );
  });

  test("for a certificate that cannot be read", () => {
    expect(() => readAddress("postgres://h/x?sslrootcert=no/such/file", NO_ENV)).toThrow(
      expect.objectContaining({ code: "UNAVAILABLE", details: { reason: "setup" } }),
    );
  });
});

describe("a server is found", () => {
  test("through a Unix socket, for a database whose name must be encoded", async () => {
    const url = new URL(await freshDatabase());
    const name = `ä /?#%20${url.pathname.slice(1)}`;
    const sql = plainClient(url.href);
    await sql.unsafe(`CREATE DATABASE "${name}"`);
    onTestFinished(async () => {
      await sql.unsafe(`DROP DATABASE "${name}" WITH (FORCE)`);
    });
    const folder = await mkdtemp(join(tmpdir(), "gs-socket-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await listen(`${folder}/.s.PGSQL.5432`, url);
    const login = `${url.username}:${url.password}`;
    const driver = await open({
      url: `postgres://${login}@${encodeURIComponent(folder)}/${encodeURIComponent(name)}?sslmode=require`,
    });
    expect(await apply(driver, [save()])).toEqual([{ is: "applied", existed: [false] }]);
    expect((await driver.status()).target).toContain(encodeURIComponent(folder));
  });

  test("where the first of several does not listen", async () => {
    const url = new URL(await freshDatabase());
    const driver = await open({ url: url.href.replace("127.0.0.1", "127.0.0.1:1,127.0.0.1") });
    expect(await apply(driver, [save()])).toEqual([{ is: "applied", existed: [false] }]);
  });

  test("or not: a socket that is not there says so", async () => {
    const url = `postgres://ann:${SECRETS.password}@/x?host=${tmpdir()}/nothing-here`;
    expect(
      await failureWithin(5000, openPostgres({ url, timeoutMs: 1000, openTimeoutMs: 500 })),
    ).toMatchObject({
      code: "UNAVAILABLE",
      details: { reason: "unreachable" },
    });
  });
});

test("a setting that the server does not know is named", async () => {
  const url = `${await freshDatabase()}?no_such_setting=1`;
  const error = await failureWithin(5000, openPostgres({ url }));
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
  expect(error.message).toContain("no_such_setting");
});

function at(...places: string[]): { host: string; port: number }[] {
  return places.map((place) => {
    const colon = place.lastIndexOf(":");
    return { host: place.slice(0, colon), port: Number(place.slice(colon + 1)) };
  });
}

/** A socket that leads to the server. */
async function listen(path: string, { hostname, port }: URL): Promise<void> {
  const server = net.createServer((client) => {
    const line = net.connect(Number(port), hostname);
    for (const end of [client, line]) end.on("error", () => {});
    client.on("close", () => line.destroy());
    line.on("close", () => client.destroy());
    client.pipe(line).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    server.close();
  });
}
