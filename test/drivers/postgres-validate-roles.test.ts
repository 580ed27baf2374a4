import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { validateRoles } from "../../drivers/postgres/index.js";
import { createIsolatedDatabase, type IsolatedDatabase } from "../postgres/isolated.js";
import { isSoak } from "../soak.js";
import { failure, open, postgresOf, type Sql } from "./postgres-rig.js";

let database: IsolatedDatabase;
let superuser: Sql;
beforeAll(async () => {
  database = await createIsolatedDatabase();
  superuser = postgresOf(database.url);
});
afterAll(async () => {
  await superuser.end();
  await database.drop();
});

interface WrongSetUp {
  readonly name: string;
  /** `%app`, `%owner` and `%admin` are the roles. */
  readonly make: string;
  readonly undo: string;
  readonly finding: "too-much" | "too-little";
  readonly what: RegExp;
  readonly of?: "app" | "admin" | "PUBLIC";
}

/** What hides other findings. */
const ALONE = [
  ...["a superuser", "a member of the owner", "the owner of a table", "all data by a role of the server"],
  ...["no policy", "no SELECT", "no USAGE on the schema", "no such key", "an admin that is a superuser"],
  ...[
    "a policy that lets writes through",
    "a column of the key",
    "an admin without SELECT",
    "an admin that sees no tenant",
  ],
];

const R = "groundstate.record";
const EXPRESSION = "tenant = (SELECT groundstate.proven_tenant_1())";
const much = (
  name: string,
  make: string,
  undo: string,
  what: RegExp,
  of?: "admin" | "PUBLIC",
): WrongSetUp => ({
  ...{ name, make, undo, what, finding: "too-much" },
  ...(of && { of }),
});
const little = (name: string, make: string, undo: string, what: RegExp, of?: "admin"): WrongSetUp => ({
  ...{ name, make, undo, what, finding: "too-little" },
  ...(of && { of }),
});

const WRONG: readonly WrongSetUp[] = [
  much("a superuser", "ALTER ROLE %app SUPERUSER", "ALTER ROLE %app NOSUPERUSER", /^SUPERUSER$/),
  much("BYPASSRLS", "ALTER ROLE %app BYPASSRLS", "ALTER ROLE %app NOBYPASSRLS", /^BYPASSRLS$/),
  much("CREATEROLE", "ALTER ROLE %app CREATEROLE", "ALTER ROLE %app NOCREATEROLE", /^CREATEROLE$/),
  much("REPLICATION", "ALTER ROLE %app REPLICATION", "ALTER ROLE %app NOREPLICATION", /^REPLICATION$/),
  much(
    "a member of a role with BYPASSRLS",
    "CREATE ROLE %app_group BYPASSRLS; GRANT %app_group TO %app",
    "DROP ROLE %app_group",
    /^BYPASSRLS \(as a member of \w+_group\)$/,
  ),
  much(
    "a member of the owner",
    "GRANT %owner TO %app",
    "REVOKE %owner FROM %app",
    /^owner of table .*as a member of/,
  ),
  much(
    "the owner of a table",
    `ALTER TABLE ${R} OWNER TO %app`,
    `ALTER TABLE ${R} OWNER TO %owner; GRANT SELECT, INSERT, UPDATE, DELETE ON ${R} TO %app; GRANT SELECT ON ${R} TO %admin`,
    /^owner of table groundstate.record$/,
  ),
  much(
    "the owner of a function",
    "ALTER FUNCTION groundstate.settle_ids_3() OWNER TO %app",
    "ALTER FUNCTION groundstate.settle_ids_3() OWNER TO %owner",
    /^owner of function groundstate.settle_ids_3\(\)$/,
  ),
  much(
    "a reader of the server's files",
    "GRANT pg_read_server_files TO %app",
    "REVOKE pg_read_server_files FROM %app",
    /^member of pg_read_server_files$/,
  ),
  much(
    "CREATE on the schema",
    "GRANT CREATE ON SCHEMA groundstate TO %app",
    "REVOKE CREATE ON SCHEMA groundstate FROM %app",
    /^CREATE on schema groundstate$/,
  ),
  much(
    "CREATE on public",
    "GRANT CREATE ON SCHEMA public TO PUBLIC",
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    /^CREATE on schema public$/,
  ),
  much(
    "TRUNCATE",
    `GRANT TRUNCATE ON ${R} TO %app`,
    `REVOKE TRUNCATE ON ${R} FROM %app`,
    /^TRUNCATE on table/,
  ),
  much("TRIGGER", `GRANT TRIGGER ON ${R} TO %app`, `REVOKE TRIGGER ON ${R} FROM %app`, /^TRIGGER on table/),
  much(
    "REFERENCES",
    `GRANT REFERENCES ON ${R} TO %app`,
    `REVOKE REFERENCES ON ${R} FROM %app`,
    /^REFERENCES on table/,
  ),
  much(
    "writes of the migrations",
    "GRANT DELETE ON groundstate.migration TO %app",
    "REVOKE DELETE ON groundstate.migration FROM %app",
    /^DELETE on table groundstate.migration$/,
  ),
  much(
    "the key",
    "GRANT SELECT ON groundstate.tenant_key TO %app",
    "REVOKE SELECT ON groundstate.tenant_key FROM %app",
    /^SELECT on table groundstate.tenant_key$/,
  ),
  much(
    "a column of the key",
    "GRANT SELECT (inner_block) ON groundstate.tenant_key TO %app",
    "REVOKE SELECT (inner_block) ON groundstate.tenant_key FROM %app",
    /^SELECT on table groundstate.tenant_key$/,
  ),
  much(
    "all data by a role of the server",
    "GRANT pg_read_all_data TO %app",
    "REVOKE pg_read_all_data FROM %app",
    /^SELECT on table groundstate.tenant_key$/,
  ),
  much(
    "the sequence",
    "GRANT UPDATE ON SEQUENCE groundstate.record_id TO %app",
    "REVOKE UPDATE ON SEQUENCE groundstate.record_id FROM %app",
    /^UPDATE on sequence/,
  ),
  much(
    "rights of everybody",
    `GRANT SELECT ON ${R} TO PUBLIC`,
    `REVOKE SELECT ON ${R} FROM PUBLIC`,
    /^SELECT on groundstate.record$/,
    "PUBLIC",
  ),
  much(
    "row-level security that is off",
    "ALTER TABLE groundstate.event DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE groundstate.event ENABLE ROW LEVEL SECURITY",
    /^row-level security is off on table groundstate.event$/,
  ),
  much(
    "another policy",
    `CREATE POLICY more ON ${R} USING (true)`,
    `DROP POLICY more ON ${R}`,
    /^the policy more on table/,
  ),
  much(
    "a policy that was altered",
    `ALTER POLICY proven_tenant_1 ON ${R} USING (true)`,
    `ALTER POLICY proven_tenant_1 ON ${R} USING (${EXPRESSION})`,
    /^the policy proven_tenant_1 on table/,
  ),
  much(
    "a policy that lets writes through",
    `ALTER POLICY proven_tenant_1 ON ${R} WITH CHECK (true)`,
    `ALTER POLICY proven_tenant_1 ON ${R} WITH CHECK (${EXPRESSION})`,
    /^the policy proven_tenant_1 on table/,
  ),
  much(
    "a function with its owner's rights",
    "ALTER FUNCTION groundstate.settle_ids_3() SECURITY DEFINER",
    "ALTER FUNCTION groundstate.settle_ids_3() SECURITY INVOKER",
    /runs with the rights of its owner$/,
  ),
  much(
    "the policies' function with the caller's rights",
    "ALTER FUNCTION groundstate.proven_tenant_1() SECURITY INVOKER",
    "ALTER FUNCTION groundstate.proven_tenant_1() SECURITY DEFINER",
    /is not as isolateTenants made it$/,
  ),
  much(
    "a view of its owner's",
    `CREATE VIEW public.all_records AS SELECT * FROM ${R}; GRANT SELECT ON public.all_records TO %app`,
    "DROP VIEW public.all_records",
    /^SELECT on view all_records, which reads table/,
  ),
  much(
    "an admin that reads the key",
    "GRANT SELECT ON groundstate.tenant_key TO %admin",
    "REVOKE SELECT ON groundstate.tenant_key FROM %admin",
    /tenant_key$/,
    "admin",
  ),
  much(
    "an admin that is a superuser",
    "ALTER ROLE %admin SUPERUSER",
    "ALTER ROLE %admin NOSUPERUSER",
    /^SUPERUSER$/,
    "admin",
  ),
  much(
    "an admin that writes the migrations",
    "GRANT INSERT ON groundstate.migration TO %admin",
    "REVOKE INSERT ON groundstate.migration FROM %admin",
    /migration$/,
    "admin",
  ),
  little(
    "no policy",
    "DROP POLICY proven_tenant_1 ON groundstate.event",
    `CREATE POLICY proven_tenant_1 ON groundstate.event USING (${EXPRESSION})`,
    /^no policy by tenant on table groundstate.event$/,
  ),
  little(
    "no SELECT",
    `REVOKE SELECT ON ${R} FROM %app`,
    `GRANT SELECT ON ${R} TO %app`,
    /^SELECT on table record$/,
  ),
  little(
    "no EXECUTE",
    "REVOKE EXECUTE ON FUNCTION groundstate.settle_ids_3() FROM %app, PUBLIC",
    "GRANT EXECUTE ON FUNCTION groundstate.settle_ids_3() TO %app, PUBLIC",
    /^EXECUTE on function settle_ids_3$/,
  ),
  little(
    "no USAGE on the schema",
    "REVOKE USAGE ON SCHEMA groundstate FROM %app",
    "GRANT USAGE ON SCHEMA groundstate TO %app",
    /^USAGE on schema groundstate$/,
  ),
  little(
    "no such key",
    "CREATE TABLE public.kept_key AS TABLE groundstate.tenant_key; DELETE FROM groundstate.tenant_key",
    "INSERT INTO groundstate.tenant_key TABLE public.kept_key; DROP TABLE public.kept_key",
    /^a tenantKey that the server does not know$/,
  ),
  little(
    "an admin that sees no tenant",
    `DROP POLICY every_tenant ON ${R}`,
    `CREATE POLICY every_tenant ON ${R} FOR SELECT TO %admin USING (true)`,
    /^sees no tenant in table groundstate.record$/,
    "admin",
  ),
  little(
    "an admin without SELECT",
    `REVOKE SELECT ON ${R} FROM %admin`,
    `GRANT SELECT ON ${R} TO %admin`,
    /^SELECT on table record$/,
    "admin",
  ),
];

function named(statement: string): string {
  return statement.replaceAll(
    /%(owner|app|admin)/g,
    (_, role: "owner" | "app" | "admin") => database.roles[role],
  );
}

/** The wrong set-ups that are made together: each alone in the soak. */
function groups(): readonly (readonly string[])[] {
  const names = WRONG.map(({ name }) => name);
  if (isSoak) return names.map((name) => [name]);
  return [names.filter((name) => !ALONE.includes(name)), ...ALONE.map((name) => [name])];
}

describe("validateRoles", () => {
  test("finds nothing of a right set-up", async () => {
    expect(await validateRoles(database.config)).toEqual([]);
  });

  test.each(groups())("finds %j", async (...names: string[]) => {
    const wrong = names.map((name) => WRONG.find((each) => each.name === name) as WrongSetUp);
    for (const { make } of wrong) await superuser.unsafe(named(make));
    try {
      const found = await validateRoles(database.config);
      for (const { finding, what, of = "app" } of wrong) {
        const role = of === "PUBLIC" ? of : database.roles[of];
        expect(found).toContainEqual({
          role,
          finding,
          what: expect.stringMatching(what),
          how: expect.any(String),
        });
      }
      for (const { how } of found) expect(how).not.toContain("%");
    } finally {
      for (const { undo } of wrong.toReversed()) await superuser.unsafe(named(undo));
    }
  });

  test("finds nothing any more after all of that", async () => {
    expect(await validateRoles(database.config)).toEqual([]);
  });

  test("a store does not open with a role that has too much, and the message says what to do", async () => {
    await superuser.unsafe(named(`GRANT TRUNCATE ON ${R} TO %app`));
    const error = await failure(open(database.config));
    await superuser.unsafe(named(`REVOKE TRUNCATE ON ${R} FROM %app`));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toMatch(/TRUNCATE on table groundstate.record \(REVOKE TRUNCATE ON TABLE/);
  });

  test("of a store without isolation it tells what the role has beyond its needs", async () => {
    const found = await validateRoles({ url: database.owner });
    expect(found.every(({ finding }) => finding === "too-much")).toBe(true);
    expect(found.map(({ what }) => what)).toContain("owner of table groundstate.record");
    expect(await validateRoles({ url: database.app })).toEqual([]);
  });
});
