import net, { type AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { translate } from "../../drivers/postgres/errors.js";
import { openPostgres } from "../../drivers/postgres/index.js";
import { failOnUncaughtErrors, failureWithin, SECRETS } from "./postgres-rig.js";

failOnUncaughtErrors();

/** By the letters of https://www.postgresql.org/docs/current/protocol-error-fields.html */
type Fields = Readonly<Record<string, string>>;

describe("an error without the field that a Postgres always sends", () => {
  test.each<[string, Fields, reason: string, says: string]>([
    [
      "a setting that a pooler does not take",
      { S: "FATAL", C: "08P01", M: "unsupported startup parameter: statement_timeout" },
      "setup",
      "statement_timeout: open with prepare: false",
    ],
    [
      "one among its options",
      { S: "FATAL", C: "08P01", M: "unsupported startup parameter in options: search_path" },
      "setup",
      "search_path",
    ],
    [
      "a database that a pooler does not know",
      { S: "FATAL", C: "08P01", M: "no such database: x" },
      "setup",
      "database",
    ],
    [
      "a pooler that lost its server",
      { S: "FATAL", C: "08P01", M: "server conn crashed?" },
      "unreachable",
      "pooler",
    ],
    [
      "a pooler that is stopping",
      { S: "FATAL", C: "57P01", M: "terminating" },
      "unreachable",
      "cannot be reached",
    ],
    ["a login", { S: "FATAL", C: "28P01", M: "password authentication failed" }, "setup", "login"],
  ])("%s", async (_, fields, reason, says) => {
    const url = `postgres://ann:${SECRETS.password}@127.0.0.1:${await serverThatSends(fields)}/x`;
    const error = await failureWithin(5000, openPostgres({ url, timeoutMs: 1000, openTimeoutMs: 0 }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason } });
    expect(error.message).toContain(says);
    expect(String(error.cause)).toContain(fields.C);
  });

  test("does not say that a write was rolled back", () => {
    const error = { severity_local: "ERROR", code: "08P01", message: "x" };
    expect(translate(error, "write").code).toBe("OUTCOME_UNKNOWN");
    expect(translate({ ...error, code: "22012" }, "write").code).toBe("OUTCOME_UNKNOWN");
    expect(translate({ ...error, code: "22012", severity: "ERROR" }, "write").code).toBe("UNAVAILABLE");
  });
});

test("an error shows nothing of a server's message except the name of a setting or an object", () => {
  const messageOf = (code: string, message: string) =>
    translate({ severity: "ERROR", code, message }, "read").message;
  expect(messageOf("42501", "permission denied for sequence record_id")).toContain(
    "sequence record_id: grant it USAGE",
  );
  expect(messageOf("42501", "permission denied for table record")).toContain("table record");
  expect(messageOf("42501", `permission denied for table "${SECRETS.key} x"`)).not.toContain(SECRETS.key);
  expect(messageOf("42501", `new row violates row-level security policy: ${SECRETS.key}`)).not.toContain(
    SECRETS.key,
  );
  expect(messageOf("42704", `unrecognized configuration parameter "${SECRETS.key}"`)).not.toContain(
    SECRETS.key,
  );
  expect(messageOf("42704", 'unrecognized configuration parameter "work_men"')).toContain("work_men");
});

/** A server that answers the first message with this error, and closes the connection. */
async function serverThatSends(fields: Fields): Promise<number> {
  const body = Buffer.concat([
    ...Object.entries(fields).map(([letter, text]) => Buffer.from(`${letter}${text}\0`)),
    Buffer.of(0),
  ]);
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeInt32BE(body.length + 4, 1);
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(Buffer.concat([head, body])));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
