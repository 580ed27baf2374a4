import { mkdtemp, rm, writeFile } from "node:fs/promises";
import net, { type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import { openPostgres } from "../../drivers/postgres/index.js";
import {
  apply,
  failOnUncaughtErrors,
  failureWithin,
  freshDatabase,
  open,
  save,
  withPort,
} from "./postgres-rig.js";

failOnUncaughtErrors();

/** A certificate made for this file, which no authority signed. */
const SERVER = {
  key: `
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMAtKoJ/WDc5x+e+V
YXXm851rhJ066t1BnBF0pbG1wcmhRANCAARh5t5/FlzxW4ln8X8oBc26FP4nVCJf
M1i1ThkrBzl1CyY8s7ROh+ZnnULyAjzW3v8oiv6CQYAbYf8Z4fuIsRVj
-----END PRIVATE KEY-----`,
  cert: `
-----BEGIN CERTIFICATE-----
MIIBlDCCATugAwIBAgIUM8uQKy3dVxQ8oGDDTQz7quQF65wwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMDIyMTk1N1oYDzIxMjYxMDI3
MjIxOTU3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARh5t5/FlzxW4ln8X8oBc26FP4nVCJfM1i1ThkrBzl1CyY8s7ROh+Zn
nULyAjzW3v8oiv6CQYAbYf8Z4fuIsRVjo2kwZzAdBgNVHQ4EFgQUwo1vPLLxMeqd
tpHO3iACK4tHYAUwHwYDVR0jBBgwFoAUwo1vPLLxMeqdtpHO3iACK4tHYAUwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
RwAwRAIgfvZIGndp1FQvzgyexITPOx4KRm+7jaS0ftY1NrtbGIkCICURzUesc6Vj
YqpFZUSfLe+w6ip/MLzdLoqRaHSwM7Ac
-----END CERTIFICATE-----`,
};

/** The answer to a client that asks for TLS: https://www.postgresql.org/docs/current/protocol-flow.html */
const YES = "S";

test("with sslmode=require everything goes through TLS, and the process is not kept by it", async () => {
  const url = await freshDatabase();
  const server = await startTls(url);
  const driver = await open({ url: `${withPort(url, server.port)}?sslmode=require` });
  expect(await apply(driver, [save()])).toEqual([{ is: "applied", existed: [false] }]);
  // One that finds no schema, one to open, one for the migrations, one that stays.
  expect(server.secured).toBe(4);
  await driver.close();
  await expect.poll(() => server.open).toBe(0);
});

test("with sslmode=verify-full a server without a trusted certificate is refused", async () => {
  const url = await freshDatabase();
  const server = await startTls(url);
  const error = await failureWithin(
    5000,
    openPostgres({ url: `${withPort(url, server.port)}?sslmode=verify-full` }),
  );
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
  expect(error.message).toContain("certificate");
  await expect.poll(() => server.open).toBe(0);
});

describe("which servers sslmode trusts", () => {
  const CASES: [sslmode: string, host: string, vouchedFor: boolean, outcome: "opens" | "refused"][] = [
    ["allow", "127.0.0.1", false, "opens"],
    ["prefer", "127.0.0.1", false, "opens"],
    ["require", "127.0.0.1", true, "opens"],
    ["verify-ca", "127.0.0.1", false, "refused"],
    ["verify-ca", "127.0.0.1", true, "opens"],
    ["verify-full", "localhost", true, "opens"],
    // The certificate is for localhost, and bears no number.
    ["verify-full", "127.0.0.1", true, "refused"],
  ];

  test.each(CASES)(
    "%s, at %s, with a trusted certificate: %s: %s",
    async (sslmode, host, vouchedFor, outcome) => {
      const url = await freshDatabase();
      const server = await startTls(url);
      const root = vouchedFor ? `&sslrootcert=${await rootFile()}` : "";
      const target = withPort(url, server.port).replace("127.0.0.1", host);
      const opening = open({ url: `${target}?sslmode=${sslmode}${root}` });
      if (outcome === "opens") {
        expect(await apply(await opening, [save()])).toHaveLength(1);
        expect(server.secured).toBe(4);
      } else {
        const error = await failureWithin(5000, opening);
        expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
        expect(error.message).toContain("certificate");
      }
    },
  );
});

test("a server without TLS is an error that says so, unless sslmode only prefers TLS", async () => {
  const url = await freshDatabase();
  for (const sslmode of ["require", "verify-ca", "verify-full"]) {
    const error = await failureWithin(5000, openPostgres({ url: `${url}?sslmode=${sslmode}` }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain("does not offer TLS");
  }
  for (const sslmode of ["allow", "prefer", "disable"]) {
    const driver = await open({ url: `${url}?sslmode=${sslmode}` });
    expect(await apply(driver, [save()])).toHaveLength(1);
  }
});

test("data injected after the answer to the TLS request is refused", async () => {
  const url = await freshDatabase();
  const server = await startTls(url, "Smore");
  const error = await failureWithin(
    5000,
    openPostgres({ url: `${withPort(url, server.port)}?sslmode=require` }),
  );
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
});

/** The certificate, as a file. */
async function rootFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gs-root-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "root.crt"), SERVER.cert);
  return join(folder, "root.crt");
}

/** Stands before a server without TLS and speaks it in its place. */
async function startTls(target: string, answer = YES) {
  const state = { port: 0, secured: 0, open: 0 };
  const server = net.createServer((client) => {
    state.open++;
    client.on("close", () => state.open--);
    client.on("error", () => {});
    client.once("data", () => {
      client.write(answer);
      upgradeToTls(client, target, () => state.secured++);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  state.port = (server.address() as AddressInfo).port;
  onTestFinished(() => {
    server.close();
  });
  return state;
}

function upgradeToTls(client: Socket, target: string, onSecure: () => void): void {
  const line = new tls.TLSSocket(client, { isServer: true, ...SERVER });
  const server = net.connect(Number(new URL(target).port), new URL(target).hostname);
  line.on("secure", onSecure);
  line.on("error", () => client.destroy());
  line.on("close", () => server.destroy());
  server.on("error", () => client.destroy());
  line.pipe(server).pipe(line);
}
