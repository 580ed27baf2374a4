import { openStore } from "groundstate";
import "groundstate/drivers";
import postgres from "postgres";

const template = new URL(process.env.GROUNDSTATE_HARNESS_POSTGRES);
const templateName = template.pathname.slice(1);
const databaseOf = (space) => `${templateName}_${space.replaceAll("-", "_")}`;

/** A connection takes longer than most cases, and two show in a short run what several do. */
const pool = process.env.GROUNDSTATE_SOAK === undefined ? { poolSize: 2 } : {};

/** How stores are opened that are isolated by tenant: the application's login, the key, and the admin's login. */
const isolated = JSON.parse(process.env.GROUNDSTATE_HARNESS_ISOLATED ?? "null");

/** The login of a role, in the database of a space. */
function inSpace(space, login) {
  const url = new URL(login);
  url.pathname = databaseOf(space);
  return url.href;
}

function configOf(space) {
  if (isolated === null) return { url: inSpace(space, template) };
  const { url, admin, ...config } = isolated;
  return { ...config, url: inSpace(space, url), admin: { url: inSpace(space, admin.url) } };
}

/** The spaces that this process, or the one that started it, has made. */
const made = new Set(process.env.GROUNDSTATE_HARNESS_MADE?.split(" "));

/** Kept for the next statement: a connection takes longer than most of them. */
let administration;

function administer(statement) {
  const other = new URL(template);
  other.pathname = "postgres";
  administration ??= postgres(other.href, { max: 1, idle_timeout: 1, fetch_types: false, onnotice() {} });
  return administration.unsafe(statement);
}

async function make(space) {
  if (made.has(space)) return;
  // Through the log, as by default, it takes several times the CPU time.
  const statement = `CREATE DATABASE ${databaseOf(space)} TEMPLATE ${templateName} STRATEGY FILE_COPY`;
  await administer(statement).catch((error) => {
    // Another process was faster.
    if (error.code !== "42P04" && error.code !== "23505") throw error;
  });
  made.add(space);
  process.env.GROUNDSTATE_HARNESS_MADE = [...made].join(" ");
}

/** A space is a copy of the database that the environment names: to copy what is migrated is quicker than to migrate. */
export default {
  name: isolated === null ? "postgres" : "postgres, isolated by tenant",
  durable: true,
  async open(space, options) {
    await make(space);
    return openStore({ driver: "postgres", ...configOf(space), ...pool, ...options });
  },
  async destroy(space) {
    await administer(`DROP DATABASE IF EXISTS ${databaseOf(space)} WITH (FORCE)`);
    made.delete(space);
  },
  async damage(space, { identity: { tenant, user, session, run = "" }, kind }) {
    const database = postgres(inSpace(space, template), { max: 1, fetch_types: false });
    await database`
      UPDATE groundstate.record SET bytes = bytes || '\\x00'::bytea WHERE tenant = ${tenant} AND user_id = ${user}
      AND session = ${session} AND run = ${run} AND kind = ${kind}`;
    await database.end();
  },
};

/** Also of cases that failed. */
export async function removeSpaces() {
  for (const space of made) await administer(`DROP DATABASE IF EXISTS ${databaseOf(space)} WITH (FORCE)`);
  await administration?.end();
}
