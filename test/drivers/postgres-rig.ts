import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import postgres from "postgres";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { eventFingerprint, eventIdOf, eventKey } from "../../drivers/postgres/event-key.js";
import { openPostgres, type PostgresClient, type PostgresConfig } from "../../drivers/postgres/index.js";
import type { Commit, Driver, Outcome, Slot, StoredRecord, Write } from "../../src/contract/driver.js";
import { type AnyStateError, isStateError } from "../../src/contract/errors.js";
import { slotOf } from "../../src/rules/decide.js";
import { ownTime } from "../own-time.js";
import { createDatabase, createMigratedDatabase } from "../postgres/database.js";
import { ERASE_SOURCE } from "../store/store-rig.js";

/** The built driver, for child processes. */
const BUILT = new URL("../../dist/drivers/postgres/index.js", import.meta.url);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export const SLOT: Slot = { tenant: "acme", user: "ann", session: "s1", run: "", kind: "note" };
export const DAY = 86_400_000;

/** Texts that no error may show. */
export const SECRETS = { password: "hunter2-secret", payload: "payload-secret", key: "key-secret" };

/** Fails a test file with an unhandled rejection or an uncaught exception, which would end a real process. */
export function failOnUncaughtErrors(): void {
  const uncaught: unknown[] = [];
  const collect = (error: unknown) => uncaught.push(error);
  beforeAll(() => {
    process.on("unhandledRejection", collect);
    process.on("uncaughtExceptionMonitor", collect);
  });
  afterAll(async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    process.off("unhandledRejection", collect);
    process.off("uncaughtExceptionMonitor", collect);
    expect(uncaught).toEqual([]);
  });
}

/** An empty database that is dropped after the test. `options` are those of CREATE DATABASE, such as its encoding. */
export async function freshDatabase(options?: string): Promise<string> {
  const { url, drop } = await createDatabase();
  onTestFinished(drop);
  if (options === undefined) return url;
  const sql = plainClient(url);
  const other = new URL(url);
  other.pathname += "_other";
  const name = other.pathname.slice(1);
  await sql.unsafe(`CREATE DATABASE ${name} ${options}`);
  onTestFinished(async () => {
    await sql.unsafe(`DROP DATABASE ${name} WITH (FORCE)`);
  });
  return other.href;
}

/** A database with the current schema that is dropped after the test. */
export async function migratedDatabase(): Promise<string> {
  const { url, drop } = await createMigratedDatabase();
  onTestFinished(drop);
  return url;
}

/** A driver that is closed after the test. */
export async function open(config: PostgresConfig): Promise<Driver> {
  const driver = await openPostgres(config);
  onTestFinished(() => driver.close());
  return driver;
}

/** A driver on a database without records, and a plain client of the same database. */
export async function openFresh(config: Omit<PostgresConfig, "url" | "connect"> = {}) {
  const url = await migratedDatabase();
  return { url, driver: await open({ ...config, url }), sql: plainClient(url) };
}

export type Sql = ReturnType<typeof postgres>;

/** A client as the package makes it. */
export function postgresOf(url: string, options: postgres.Options<never> = {}): Sql {
  return postgres(url, { max: 1, fetch_types: false, onnotice() {}, ...options });
}

/** A plain client, closed after the test. */
export function plainClient(url: string, options: postgres.Options<never> = {}): Sql {
  const sql = postgresOf(url, options);
  onTestFinished(() => sql.end({ timeout: 1 }));
  return sql;
}

/** The URL with another login. */
export function withLogin(url: string, user: string, password: string): string {
  const other = new URL(url);
  other.username = user;
  other.password = encodeURIComponent(password);
  return other.href;
}

/** The URL with another port. */
export function withPort(url: string, port: number): string {
  const other = new URL(url);
  other.port = String(port);
  return other.href;
}

/** A role that is removed after the test, with all it owns in this database. */
export async function createRole(sql: Sql, options = "", password = SECRETS.password) {
  const user = `role_${randomBytes(6).toString("hex")}`;
  await sql.unsafe(`CREATE ROLE ${user} LOGIN PASSWORD '${password}' ${options}`);
  onTestFinished(async () => {
    await sql.unsafe(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
  });
  return { user, password };
}

let made = 0;

export function record(fields: Partial<StoredRecord> = {}): StoredRecord {
  const eventId = fields.eventId ?? `e${++made}`;
  const { tenant, user, session, run, kind, version } = { ...SLOT, version: 0, ...fields };
  const content = JSON.stringify([eventId, tenant, user, session, run, kind, version]);
  const fingerprint = createHash("sha256").update(content).digest("base64url");
  return { ...SLOT, eventId, fingerprint, version: 0, updatedAt: 1, bytes: Buffer.from("x"), ...fields };
}

export function commit(...writes: Write[]): Commit {
  const [first] = writes as [Write];
  return { tenant: slotOf(first).tenant, writes };
}

/** A commit of one save; unconditional unless `expect` is given. */
export function save(fields: Partial<StoredRecord> = {}, ...[expect]: [(string | null)?]): Commit {
  return commit({ op: "save", record: record(fields), ...(expect === undefined ? {} : { expect }) });
}

export function remove(slot: Partial<Slot> = {}, ...[expect]: [(string | null)?]): Commit {
  return commit({
    op: "delete",
    slot: { ...SLOT, ...slot },
    ...(expect === undefined ? {} : { expect }),
  });
}

export function check(slot: Partial<Slot>, expect: string | null): Commit {
  return commit({ op: "check", slot: { ...SLOT, ...slot }, expect });
}

export function apply(driver: Driver, commits: readonly Commit[], window = DAY): Promise<readonly Outcome[]> {
  return driver.apply(commits, { now: 0, window });
}

/** An INSERT of remembered events, from the rows of `from`; the columns are expressions. */
export function insertEvents(select: {
  readonly id: string;
  readonly tenant: string;
  readonly record: string;
  readonly time: string | number;
  /** Default: nothing is told of what was saved. */
  readonly fingerprint?: string;
  readonly from?: string;
}): string {
  const { id, tenant, record, time, fingerprint = "NULL", from = "" } = select;
  return `INSERT INTO groundstate.event (saved_at, lined_up_at, record_id, event_key, tenant, fingerprint)
    SELECT ${time}, ${time}, ${record}, ${eventKey(`(${id})`)}, ${tenant}, ${eventFingerprint(fingerprint)} ${from}`;
}

/** The ids that are remembered, in order. */
export async function rememberedIds(sql: Sql): Promise<string[]> {
  const rows = await sql.unsafe(`SELECT ${eventIdOf("event_key")} AS id FROM groundstate.event ORDER BY 1`);
  return rows.map(({ id }) => id as string);
}

/** Every record of the database. */
export async function stored(sql: Sql, schema = "groundstate"): Promise<Record<string, unknown>[]> {
  return [
    ...(await sql.unsafe(`SELECT * FROM ${schema}.record ORDER BY tenant, user_id, session, run, kind`)),
  ];
}

/** The StateError that a promise rejects with. Checks that neither it nor its cause shows a secret. */
export async function failure(promise: Promise<unknown>): Promise<AnyStateError> {
  try {
    await promise;
  } catch (error) {
    if (!isStateError(error)) throw error;
    expect(error.message.length).toBeGreaterThan(15);
    const { cause } = error;
    const shown = [error.message, error.stack, JSON.stringify(error), String(cause), JSON.stringify(cause)];
    if (cause instanceof Error) shown.push(String(cause.stack), JSON.stringify({ ...cause }));
    for (const secret of Object.values(SECRETS)) expect(shown.join("\n")).not.toContain(secret);
    return error;
  }
  throw new Error("nothing was thrown");
}

/** As `failure`, but the test fails if the promise does not settle within `ms` milliseconds of the process's own time. */
export async function failureWithin(ms: number, promise: Promise<unknown>): Promise<AnyStateError> {
  const start = ownTime();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      if (ownTime() - start > ms) reject(new Error(`no answer within ${ms} ms`));
    }, 50);
  });
  try {
    return await failure(Promise.race([promise, late]));
  } finally {
    clearInterval(timer);
  }
}

/** One statement as the driver sent it. */
export interface Sent {
  readonly text: string;
  readonly parameters: readonly unknown[];
}

/** A `connect` that makes real clients and hands each statement to `around`, which runs it by calling `run`. */
export function connectWith(
  url: string,
  around: (sent: Sent, run: Run, client: Sql) => Promise<Rows>,
  options: postgres.Options<never> = {},
): () => PostgresClient {
  return () => {
    const sql = postgresOf(url, options);
    return {
      unsafe: (text, parameters = [], options = {}) =>
        around({ text, parameters }, async () => sql.unsafe(text, parameters, options), sql),
      end: (options) => sql.end(options),
    };
  };
}

export type Rows = readonly unknown[] & { readonly count?: number | null };
type Run = () => Promise<Rows>;

const PRELUDE = `
  import { createHash, randomBytes } from "node:crypto";
  import { health, openPostgres, pendingMigrations } from ${JSON.stringify(BUILT.href)};
  const slot = ${JSON.stringify(SLOT)};
  const saveOf = (fields, expect) => {
    const fingerprint = createHash("sha256").update(JSON.stringify(fields)).digest("base64url");
    const record = { ...slot, fingerprint, version: 0, updatedAt: 1, bytes: Buffer.alloc(0), ...fields };
    return { tenant: record.tenant, writes: [{ op: "save", record, ...(expect === undefined ? {} : { expect }) }] };
  };
  const times = { now: Date.now(), window: ${DAY} };
  ${ERASE_SOURCE}`;

/** Runs a module in a child process, which must end by itself. Returns the JSON that it prints. */
export async function inProcess<T = unknown>(source: string, args: unknown): Promise<T> {
  const options = { cwd: ROOT, timeout: 60_000 };
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    nodeArguments(source, args),
    options,
  );
  expect(stderr).toBe("");
  return JSON.parse(stdout) as T;
}

/** Starts a module in a child process, which is killed after the test. */
export function startProcess(source: string, args: unknown) {
  const child = spawn(process.execPath, nodeArguments(source, args), {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

function nodeArguments(source: string, args: unknown): string[] {
  return ["--input-type=module", "-e", `${PRELUDE} const args = ${JSON.stringify(args)}; ${source}`];
}
