import { readFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { health, openPostgres } from "../../drivers/postgres/index.js";
import { newEventId } from "../../src/process/event-id.js";
import { erased } from "../store/store-rig.js";
import {
  apply,
  failure,
  freshDatabase,
  open,
  plainClient,
  SLOT,
  type Sql,
  save,
  withLogin,
} from "./postgres-rig.js";

/** The statements of the page, block by block: roles, default rights, rights on what is there, the last restriction. */
const page = readFileSync(new URL("../../docs/drivers/postgres-roles.md", import.meta.url), "utf8");
const [ROLES, DEFAULTS, EXISTING, RESTRICTION] = [...page.matchAll(/^```sql\n(.*?)^```$/gms)].map(
  ([, block]) => block as string,
) as [string, string, string, string];

const [OWNER, APP, PASSWORD] = ["groundstate_owner", "groundstate_app", "change-me"];

/** A database with the page's roles, which are the whole server's, and so are removed again. */
async function withRoles() {
  const url = await freshDatabase();
  const sql = plainClient(url);
  await sql.unsafe(ROLES);
  onTestFinished(async () => {
    await sql.unsafe(`DROP OWNED BY ${APP}; DROP OWNED BY ${OWNER}; DROP ROLE ${APP}; DROP ROLE ${OWNER}`);
  });
  const owner = withLogin(url, OWNER, PASSWORD);
  return { sql, ownerUrl: owner, owner: plainClient(owner), app: withLogin(url, APP, PASSWORD) };
}

/** All that a store does. */
async function use(url: string) {
  const driver = await open({ url, migrate: "verify" });
  const [first, second] = [newEventId(), newEventId()];
  await apply(driver, [save({ eventId: first })]);
  await apply(driver, [save({ eventId: second }, first)]);
  expect(await driver.read([SLOT])).toMatchObject([{ eventId: second }]);
  expect(await driver.readByEventId(SLOT, second)).toMatchObject({ eventId: second });
  const page = await driver.scan({ prefix: "", limit: 10, maxBytes: 1e6, reverse: false });
  expect(page.records).toHaveLength(1);
  expect(await erased(driver, SLOT.tenant, SLOT.user, SLOT.session)).toBe(1);
  expect(await health({ url }, { write: true })).toMatchObject({
    reachable: true,
    write: { succeeded: true },
  });
  expect((await driver.status()).missingRights).toBeUndefined();
}

test("with the page's default rights the application works, and can change nothing of the schema", async () => {
  const { ownerUrl, owner, app } = await withRoles();
  await owner.unsafe(DEFAULTS);
  await (await openPostgres({ url: ownerUrl })).close();
  await use(app);
  await owner.unsafe(RESTRICTION);
  await use(app);
  for (const statement of ["DROP TABLE groundstate.record", "CREATE TABLE groundstate.mine ()"]) {
    await expect(plainClient(app).unsafe(statement)).rejects.toMatchObject({ code: "42501" });
  }
});

test("with rights on the existing tables too", async () => {
  const { ownerUrl, owner, app } = await withRoles();
  await (await openPostgres({ url: ownerUrl })).close();
  await owner.unsafe(EXISTING);
  await owner.unsafe(RESTRICTION);
  await use(app);
});

test("what is missing is named at opening and by health, all of it at once", async () => {
  const { sql, ownerUrl, owner, app } = await withRoles();
  await (await openPostgres({ url: ownerUrl })).close();
  // Everybody may call a function, unless that is revoked.
  await revokeFunctions(sql);
  const opening = async () => (await failure(openPostgres({ url: app, migrate: "verify" }))).message;

  const nothing = await opening();
  for (const right of [
    "USAGE on schema groundstate",
    "DELETE on table record",
    "SELECT on table migration",
  ]) {
    expect(nothing).toContain(right);
  }
  expect(nothing).toContain("USAGE on sequence record_id");
  expect(nothing).toMatch(/EXECUTE on function \w*apply/);
  expect(nothing).toContain("docs/drivers/postgres-roles.md");
  const withoutRights = await health({ url: app });
  expect(withoutRights).toMatchObject({ reachable: false, error: { details: { reason: "setup" } } });
  expect(!withoutRights.reachable && withoutRights.error.message).toContain("USAGE on schema groundstate");

  await owner.unsafe(EXISTING);
  await owner.unsafe(`REVOKE INSERT ON groundstate.event FROM ${APP}`);
  expect(await opening()).toMatch(/grant it INSERT on table event \(/);
  expect(await health({ url: app })).toMatchObject({
    reachable: true,
    status: { missingRights: ["INSERT on table event"] },
  });

  // Who only reads may, when nothing is asked of it.
  const reader = await open({ url: app, migrate: "off" });
  expect(await reader.read([SLOT])).toEqual([undefined]);
  const [outcome] = await apply(reader, [save()]).catch((error) => [{ is: "failed", error } as const]);
  expect(outcome).toMatchObject({ is: "failed", error: { details: { reason: "setup" } } });
  expect(outcome?.is === "failed" && outcome.error.message).toContain("on table event");
});

test("a role that may not create the schema gets an error that says so", async () => {
  const { app } = await withRoles();
  const error = await failure(openPostgres({ url: app, schema: "other" }));
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
  expect(error.message).toMatch(/database test_\w+: grant it CREATE/);
});

async function revokeFunctions(sql: Sql): Promise<void> {
  await sql.unsafe("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA groundstate FROM PUBLIC");
}
