import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import postgres from "postgres";
import { isolateTenants, type PostgresConfig } from "../../drivers/postgres/index.js";
import { createDatabase } from "./database.js";

/** The statements of the page, block by block: roles, rights, the policies of the role that sees all tenants. */
const page = readFileSync(new URL("../../docs/drivers/postgres-isolation.md", import.meta.url), "utf8");
const [ROLES, RIGHTS, POLICIES] = [...page.matchAll(/^```sql\n(.*?)^```$/gms)].map(([, block]) => block) as [
  string,
  string,
  string,
];

const PASSWORD = "change-me";

export interface IsolatedDatabase {
  /** As a superuser. */
  readonly url: string;
  readonly owner: string;
  readonly app: string;
  readonly admin: string;
  readonly roles: { readonly owner: string; readonly app: string; readonly admin: string };
  /** Opens a store of the application's. */
  readonly config: PostgresConfig & { readonly url: string; readonly tenantKey: string };
  drop(): Promise<void>;
}

/** A database as the page makes it, with roles of its own names: roles are the whole server's. */
export async function createIsolatedDatabase(): Promise<IsolatedDatabase> {
  const { url, drop } = await createDatabase();
  const prefix = `role_${randomBytes(6).toString("hex")}`;
  const named = (sql: string) => sql.replaceAll(/groundstate_(?=owner|app|admin)/g, `${prefix}_`);
  const run = async (login: string, ...statements: string[]) => {
    const sql = postgres(login, { max: 1, fetch_types: false, onnotice() {} });
    for (const statement of statements) await sql.unsafe(named(statement));
    await sql.end();
  };
  const loginOf = (role: string) => {
    const other = new URL(url);
    other.username = `${prefix}_${role}`;
    other.password = PASSWORD;
    return other.href;
  };
  const [owner, app, admin] = ["owner", "app", "admin"].map(loginOf) as [string, string, string];
  const tenantKey = randomBytes(32).toString("base64");
  await run(url, ROLES);
  await isolateTenants({ url: owner, tenantKey });
  await run(owner, RIGHTS, POLICIES);
  return {
    url,
    owner,
    app,
    admin,
    roles: { owner: `${prefix}_owner`, app: `${prefix}_app`, admin: `${prefix}_admin` },
    config: { url: app, isolation: "tenant", tenantKey, admin: { url: admin } },
    async drop() {
      const all = ["app", "admin", "owner"].map((role) => `${prefix}_${role}`);
      await run(url, `DROP OWNED BY ${all.join(", ")} CASCADE`);
      await drop();
      const server = new URL(url);
      server.pathname = "postgres";
      await run(server.href, `DROP ROLE ${all.join(", ")}`);
    },
  };
}
