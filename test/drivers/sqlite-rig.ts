import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import Database from "better-sqlite3";
import { expect, onTestFinished } from "vitest";
import { type EventKey, eventIdOf } from "../../drivers/sqlite/event-key.js";
import { openSqlite, type SqliteConfig } from "../../drivers/sqlite/index.js";
import { QueuedEvents } from "../../drivers/sqlite/queued-events.js";
import type { Commit, Driver, Slot, StoredRecord, Write } from "../../src/contract/driver.js";
import { type AnyStateError, isStateError } from "../../src/contract/errors.js";
import { ERASE_SOURCE } from "../store/store-rig.js";

/** The built driver, for child processes. */
const BUILT = new URL("../../dist/drivers/sqlite/index.js", import.meta.url);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export const SLOT: Slot = { tenant: "acme", user: "ann", session: "s1", run: "", kind: "note" };

/** A folder that is removed after the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "groundstate-sqlite-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A path without a file. */
export function freshPath(): string {
  return join(folder(), "state.db");
}

/** A driver that is closed after the test. */
export async function open(config: SqliteConfig): Promise<Driver> {
  const driver = await openSqlite(config);
  onTestFinished(() => driver.close());
  return driver;
}

/** The path of a database file that was opened once. */
export async function existingPath(): Promise<string> {
  const path = freshPath();
  await (await openSqlite({ path, thread: "inline" })).close();
  return path;
}

/** A plain connection to the file, closed after the test. */
export function plainConnection(path: string): Database.Database {
  const connection = new Database(path);
  onTestFinished(() => {
    connection.close();
  });
  return connection;
}

/** The remembered event ids of a database, in the order in which they are forgotten. Each is in that queue once. */
export function rememberedIds(table: Database.Database): readonly string[] {
  const queue = table.prepare("SELECT events FROM expiry ORDER BY id").pluck().all();
  const names = queue.flatMap((packed) => {
    const events = new QueuedEvents(packed);
    const names: string[] = [];
    for (let event = events.take(); event !== undefined; event = events.take())
      names.push(nameOf(event.key, event.tenant));
    return names;
  });
  const seen = table.prepare("SELECT event_id, tenant FROM seen").raw().all() as [EventKey, number][];
  expect(seen.map(([key, tenant]) => nameOf(key, tenant)).sort()).toEqual([...names].sort());
  return names.map((name) => name.slice(name.indexOf(" ") + 1));
}

function nameOf(key: EventKey, tenant: number): string {
  return `${tenant} ${eventIdOf(key)}`;
}

let made = 0;

export function record(fields: Partial<StoredRecord> = {}): StoredRecord {
  const eventId = fields.eventId ?? `e${++made}`;
  const fingerprint = createHash("sha256").update(`${eventId}${fields.version}`).digest("base64url");
  return { ...SLOT, eventId, fingerprint, version: 0, updatedAt: 1, bytes: Buffer.from("x"), ...fields };
}

export function commit(...writes: Write[]): Commit {
  return { tenant: SLOT.tenant, writes };
}

/** A commit of one unconditional save. */
export function save(fields: Partial<StoredRecord> = {}): Commit {
  const saved = record(fields);
  return { tenant: saved.tenant, writes: [{ op: "save", record: saved }] };
}

/** The StateError a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<AnyStateError> {
  try {
    await promise;
  } catch (error) {
    if (isStateError(error)) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** The hash of every file of a folder, by name. */
export function contents(path: string): Record<string, string> {
  const hash = (name: string) =>
    createHash("sha256")
      .update(readFileSync(join(path, name)))
      .digest("hex");
  return Object.fromEntries(readdirSync(path).map((name) => [name, hash(name)]));
}

/** Runs a module in a child process, with `openSqlite`, `health` and `args` defined. Returns the JSON that it prints. */
export async function inProcess(
  source: string,
  args: unknown,
  flags: readonly string[] = [],
): Promise<unknown> {
  const given = [...flags, ...nodeArguments(source, args)];
  const { stdout } = await promisify(execFile)(process.execPath, given, { cwd: ROOT, timeout: 60_000 });
  return JSON.parse(stdout);
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
  const prelude = `
    import { health, openSqlite } from ${JSON.stringify(BUILT.href)};
    const args = ${JSON.stringify(args)};
    const slot = ${JSON.stringify(SLOT)};
    const saveOf = (fields, expect) => {
      const record = { ...slot, fingerprint: "", version: 0, updatedAt: 1, bytes: Buffer.alloc(0), ...fields };
      return { tenant: slot.tenant, writes: [{ op: "save", record, ...(expect === undefined ? {} : { expect }) }] };
    };
    const times = () => ({ now: Date.now(), window: 86_400_000 });
    ${ERASE_SOURCE}  `;
  return ["--input-type=module", "-e", prelude + source];
}
