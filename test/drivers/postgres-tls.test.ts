import net, { type AddressInfo, type Socket } from "node:net";
import tls from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { openPostgres } from "../../drivers/postgres/index.js";
import {
  apply,
  failureWithin,
  freshDatabase,
  open,
  refuseStrayErrors,
  save,
  through,
} from "./postgres-rig.js";

refuseStrayErrors();

/** Made for this file, trusted by nobody. */
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
  const driver = await open({ url: `${through(url, server.port)}?sslmode=require` });
  expect(await apply(driver, [save()])).toEqual([{ is: "applied", existed: [false] }]);
  // One for the migrations, one that stays.
  expect(server.secured).toBe(2);
  await driver.close();
  await expect.poll(() => server.open).toBe(0);
});

test("with sslmode=verify-full a server that nobody vouches for is refused", async () => {
  const url = await freshDatabase();
  const server = await startTls(url);
  const error = await failureWithin(
    5000,
    openPostgres({ url: `${through(url, server.port)}?sslmode=verify-full` }),
  );
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
  expect(error.message).toContain("certificate");
  await expect.poll(() => server.open).toBe(0);
});

/** Stands before a server without TLS and speaks it in its place. */
async function startTls(target: string) {
  const state = { port: 0, secured: 0, open: 0 };
  const server = net.createServer((client) => {
    state.open++;
    client.on("close", () => state.open--);
    client.on("error", () => {});
    client.once("data", () => {
      client.write(YES);
      secure(client, target, () => state.secured++);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  state.port = (server.address() as AddressInfo).port;
  onTestFinished(() => {
    server.close();
  });
  return state;
}

function secure(client: Socket, target: string, onSecure: () => void): void {
  const line = new tls.TLSSocket(client, { isServer: true, ...SERVER });
  const server = net.connect(Number(new URL(target).port), new URL(target).hostname);
  line.on("secure", onSecure);
  line.on("error", () => client.destroy());
  line.on("close", () => server.destroy());
  server.on("error", () => client.destroy());
  line.pipe(server).pipe(line);
}
