import { createHash } from "node:crypto";
import type {
  ApplyOptions,
  Commit,
  Driver,
  Outcome,
  ScanQuery,
  Session,
  SessionsQuery,
  Slot,
  StoredRecord,
  Write,
} from "groundstate";
import { compareText, decide, StateError, slotKey, slotOf, targetOf } from "groundstate";
import { retrying } from "groundstate/layers";
import { createPool, escapeId, type ResultSetHeader, type RowDataPacket } from "mysql2";
import type { Pool, PoolConnection } from "mysql2/promise";
import * as sql from "./schema.js";
import { inScan, inSessions, inTarget, type Where } from "./where.js";

const TIMEOUT_MS = 30_000;
/** Tenants that a scan of all looks at for one page. */
const TENANTS = 100;
/** Errors after which another attempt may pass: a deadlock, and waits that took too long. */
const BUSY = ["ER_LOCK_DEADLOCK", "ER_LOCK_WAIT_TIMEOUT", "ER_STATEMENT_TIMEOUT"];

/** Runs a statement of a connection. */
type Run = (statement: string, values?: readonly unknown[]) => Promise<RowDataPacket[] & ResultSetHeader>;

export class MariaDriver implements Driver {
  readonly name = "mariadb";
  readonly timeoutMs = TIMEOUT_MS;
  readonly inFlight = 4;
  readonly returnsUnsharedBytes = true;
  /** Writers of one lane wait for each other, and under load longer than a lock does. */
  readonly layers = [retrying({ withinMs: TIMEOUT_MS })];
  readonly #pool: Pool;
  readonly #database: string;

  private constructor(pool: Pool, database: string) {
    this.#pool = pool;
    this.#database = database;
  }

  /** `database` is made where it does not exist. UNAVAILABLE (`setup`) for settings with which data could be lost. */
  static async open(url: string, database = "groundstate"): Promise<MariaDriver> {
    const name = escapeId(database);
    const pool = createPool({ uri: url, connectionLimit: 10 });
    pool.on("connection", (connection) => {
      for (const setting of sql.SESSION) connection.query(setting);
      connection.query(`USE ${name}`, () => {}); // it may be about to be made
    });
    const driver = new MariaDriver(pool.promise(), database);
    try {
      await driver.#read(async (run) => {
        const [settings] = await run(sql.SETTINGS);
        if (!settings?.isDurable || !settings.takesPayloads)
          throw unavailable("setup", "MariaDB needs durable commits, and packets of 20 MiB");
        await run(`CREATE DATABASE IF NOT EXISTS ${name}`);
        await run(`USE ${name}`);
        for (const statement of sql.SCHEMA) await run(statement);
      });
    } catch (error) {
      await driver.close();
      throw error;
    }
    return driver;
  }

  async drop(): Promise<void> {
    await this.#pool.query(`DROP DATABASE ${escapeId(this.#database)}`);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  /** One transaction. Nobody else writes these sessions or saves these event ids until it ends. */
  async apply(commits: readonly Commit[], { window }: ApplyOptions): Promise<Outcome[]> {
    const { connection, run } = await this.#connect();
    let isCommitting = false;
    try {
      await connection.beginTransaction();
      await run(sql.LOCK(lanesOf(commits)));
      const [clock] = await run(sql.NOW);
      const now = Number(clock?.now);
      const outcomes: Outcome[] = [];
      let saves = 0;
      for (const commit of commits) {
        const outcome = decide(commit, { ...(await viewOf(run, commit)), now, window });
        if (outcome.is !== "applied") {
          outcomes.push(outcome);
          continue;
        }
        const erased: number[] = [];
        for (const write of commit.writes) erased.push(...(await carryOut(run, write, now)));
        saves += commit.writes.filter(({ op }) => op === "save").length;
        outcomes.push({ ...outcome, erased });
      }
      for (const { tenant, event_id, current } of await run(sql.OLD, [now - window, saves * 2]))
        await (current ? run(sql.REQUEUE, [now, tenant, event_id]) : run(sql.FORGET, [tenant, event_id]));
      isCommitting = true;
      await connection.commit();
      connection.release();
      return outcomes;
    } catch (error) {
      // Closed, the server takes back what it has not committed.
      connection.destroy();
      // Of a commit without an answer nobody knows whether it took effect: the store says so of any other error.
      throw isCommitting ? error : translated(error);
    }
  }

  read(slots: readonly Slot[]): Promise<(StoredRecord | undefined)[]> {
    return this.#read(async (run) => {
      const found: (StoredRecord | undefined)[] = [];
      for (const slot of slots) found.push(recordOf((await run(sql.RECORD, namesOf(slot)))[0]));
      return found;
    });
  }

  readByEventId({ tenant, user, session }: Session, eventId: string): Promise<StoredRecord | undefined> {
    const names = [tenant, eventId, user, session].map((name) => Buffer.from(name));
    return this.#read(async (run) => recordOf((await run(sql.BY_EVENT, names))[0]));
  }

  scan(query: ScanQuery) {
    const { identity, tenant = identity?.tenant, after, limit, maxBytes } = query;
    return this.#read(async (run) => {
      const from = after === undefined || identity ? "" : after.tenant;
      if (tenant !== undefined && compareText(from, tenant) > 0) return { records: [], more: false };
      const tenants = tenant === undefined ? await tenantsFrom(run, from) : [tenant];
      const records: StoredRecord[] = [];
      let bytes = 0;
      for (const each of tenants) {
        if (records.length > 0 && bytes >= maxBytes) return { records, more: true };
        const page = await scanTenant(run, query, inScan(query, each), {
          limit: limit - records.length,
          most: maxBytes - bytes,
        });
        records.push(...page.records);
        bytes += page.bytes;
        if (page.more) return { records, more: true };
      }
      if (tenant !== undefined || tenants.length < TENANTS) return { records, more: false };
      return {
        records,
        more: true,
        next: { tenant: `${tenants.at(-1)}\x01`, user: "", session: "", run: "", kind: "" },
      };
    });
  }

  scanSessions(query: SessionsQuery) {
    const [where, values] = inSessions(query);
    return this.#read(async (run) => {
      const distinct = `SELECT session FROM record WHERE ${where} GROUP BY tenant, user, session ORDER BY session LIMIT ?`;
      const found = (await run(distinct, [...values, query.limit + 1])).map(({ session }) => String(session));
      return { sessions: found.slice(0, query.limit), more: found.length > query.limit };
    });
  }

  /** An erase removes all there is at once. */
  readonly sweep = async () => ({ removed: 0, more: false });

  async status() {
    await this.#read((run) => run("SELECT 1"));
    return { target: this.#database, schemaVersion: 1, pendingMigrations: [] };
  }

  /** What is read is of one moment. */
  async #read<R>(work: (run: Run) => Promise<R>): Promise<R> {
    const { connection, run } = await this.#connect();
    try {
      await connection.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
      await connection.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
      const result = await work(run);
      await connection.query("COMMIT");
      connection.release();
      return result;
    } catch (error) {
      connection.destroy();
      throw translated(error);
    }
  }

  async #connect(): Promise<{ connection: PoolConnection; run: Run }> {
    const connection = await this.#pool.getConnection().catch((error) => Promise.reject(translated(error)));
    const run: Run = async (statement, values = []) => {
      // Values are never put into the text of a statement: a payload would be twice as long, and escaping is by charset.
      const given =
        values.length > 0
          ? await connection.execute(statement, values as Buffer[])
          : await connection.query(statement);
      return given[0] as RowDataPacket[] & ResultSetHeader;
    };
    return { connection, run };
  }
}

/** In one order for everybody, so that no two wait for each other. */
function lanesOf(commits: readonly Commit[]): number[] {
  const names = commits.flatMap(({ tenant, writes }) =>
    writes.flatMap((write) => {
      const { user, session } = slotOf(write);
      return [[tenant, user, session], ...(write.op === "save" ? [[tenant, write.record.eventId]] : [])];
    }),
  );
  const laneOf = (name: string[]) =>
    createHash("sha1").update(name.join("\0")).digest().readUInt8() % sql.LANES;
  return [...new Set(names.map(laneOf))].sort((a, b) => a - b);
}

/** What a commit is judged by, as earlier ones of its batch have left it. */
async function viewOf(run: Run, { tenant, writes }: Commit) {
  const slots = new Map<string, string | undefined>();
  const events = new Map<string, { fingerprint: string | null; savedAt: number; current: boolean }>();
  for (const write of writes) {
    if (write.op === "erase") continue;
    const slot = slotOf(write);
    const [record] = await run(sql.CURRENT, namesOf(slot));
    slots.set(slotKey(slot), record && String(record.event_id));
    if (write.op !== "save") continue;
    const { eventId } = write.record;
    const [event] = await run(sql.EVENT, [Buffer.from(tenant), Buffer.from(eventId)]);
    if (event === undefined) continue;
    const { fingerprint, saved_at, current } = event;
    events.set(eventId, {
      fingerprint: fingerprint && String(fingerprint),
      savedAt: Number(saved_at),
      current: current === 1,
    });
  }
  return {
    current: (slot: Slot) => slots.get(slotKey(slot)),
    event: (_: string, eventId: string) => events.get(eventId),
  };
}

/** Returns how many records an erase has removed. */
async function carryOut(run: Run, write: Write, now: number): Promise<number[]> {
  if (write.op === "save") {
    const { tenant, eventId, fingerprint, version, updatedAt, bytes } = write.record;
    const [id, payload] = [
      Buffer.from(eventId),
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    ];
    await run(sql.SAVE, [...namesOf(write.record), id, fingerprint, version, updatedAt, payload]);
    await run(sql.REMEMBER, [Buffer.from(tenant), id, fingerprint, now, now]);
  }
  if (write.op === "delete") await run(sql.DELETE, namesOf(write.slot));
  if (write.op !== "erase") return [];
  const [where, values] = inTarget(targetOf(write));
  await run(sql.ERASE_EVENTS + where, values);
  return [(await run(sql.ERASE + where, values)).affectedRows];
}

async function tenantsFrom(run: Run, from: string): Promise<string[]> {
  const found = await run(sql.TENANTS, [Buffer.from(from), TENANTS]);
  return found.map(({ tenant }) => String(tenant));
}

/** The lengths are read first, so that no more payloads are read than the page has room for. */
async function scanTenant(
  run: Run,
  query: ScanQuery,
  [where, values]: Where,
  page: { limit: number; most: number },
) {
  const order = query.identity
    ? `ORDER BY kind ${query.reverse ? "DESC" : "ASC"}`
    : "ORDER BY kind, user, session, run";
  const found = await run(`SELECT OCTET_LENGTH(bytes) AS size FROM record WHERE ${where} ${order} LIMIT ?`, [
    ...values,
    page.limit + 1,
  ]);
  let [count, bytes] = [0, 0];
  while (count < found.length && count < page.limit && bytes < page.most)
    bytes += Number(found[count++]?.size);
  const columns =
    query.bytes === false
      ? "tenant, user, session, run, kind, event_id, fingerprint, version, updated_at, '' AS bytes"
      : "*";
  const records = await run(`SELECT ${columns} FROM record WHERE ${where} ${order} LIMIT ?`, [
    ...values,
    count,
  ]);
  return { records: records.map((row) => recordOf(row) as StoredRecord), bytes, more: found.length > count };
}

const namesOf = ({ tenant, user, session, run, kind }: Slot) =>
  [tenant, user, session, run, kind].map((name) => Buffer.from(name));

function recordOf(row: RowDataPacket | undefined): StoredRecord | undefined {
  if (row === undefined) return undefined;
  const [tenant, user, session, run, kind] = [row.tenant, row.user, row.session, row.run, row.kind].map(
    String,
  ) as [string, string, string, string, string];
  const { event_id, fingerprint, version, updated_at } = row;
  const about = {
    eventId: String(event_id),
    fingerprint: String(fingerprint),
    version: Number(version),
    updatedAt: Number(updated_at),
  };
  return { tenant, user, session, run, kind, ...about, bytes: Buffer.from(row.bytes) };
}

function unavailable(reason: "setup" | "busy" | "unreachable" | "refused", message: string, cause?: unknown) {
  return new StateError("UNAVAILABLE", message, { details: { reason }, cause });
}

/** For errors before the commit: nothing was written. */
function translated(error: unknown): StateError {
  if (error instanceof StateError) return error;
  const { code, errno } = error as { code?: string; errno?: number };
  if (BUSY.includes(code ?? "")) return unavailable("busy", "another writer holds the lock", error);
  return typeof errno === "number" && errno >= 1000
    ? unavailable("refused", `MariaDB refuses: ${code}`, error)
    : unavailable("unreachable", "MariaDB does not answer", error);
}
