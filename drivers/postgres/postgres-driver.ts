import { slotOf } from "../../src/decide.js";
import type {
  ApplyOptions,
  Commit,
  Driver,
  DriverStatus,
  Layer,
  Outcome,
  ScanPage,
  ScanQuery,
  Slot,
  StoredRecord,
} from "../../src/driver.js";
import { isStateError, StateError } from "../../src/errors.js";
import { retrying } from "../../src/layers/retrying.js";
import { kindRange } from "../../src/order.js";
import { outdated, pendingAt } from "../migrations.js";
import { arrayLiteral, packCommits, packRounds, roundsOf, unpackOutcomes } from "./batch.js";
import type { ClientPool } from "./client-pool.js";
import { DEADLINE, type Parameter, type Row } from "./connection.js";
import { lockTimeoutMs } from "./connector.js";
import { type Intent, LockNotFree } from "./errors.js";
import { schemaVersion } from "./migrator.js";
import type { Names } from "./names.js";
import { missingRights } from "./rights.js";
import { migrationsOf } from "./schema.js";
import { type Statements, statementsOf } from "./statements.js";

export interface PostgresDriverOptions {
  readonly names: Names;
  /** Masked. */
  readonly target: string;
  /** From a statement to its answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** How many commits a round must have on average; with fewer, commit by commit takes less time. */
const LEAST_PER_ROUND = 4;

const SLOT = ["tenant", "user", "session", "run", "kind"] as const;

/** Beyond every kind, which has at most 512 bytes. */
const BEYOND_KINDS = "\u{10FFFF}".repeat(129);

/** Each operation is one statement: nothing outlives it on the connection, so poolers in any mode will do. */
export class PostgresDriver implements Driver {
  readonly name = "postgres";
  readonly layers: readonly Layer[];
  /** So that one is made ready, or sent, while the server works on another. */
  readonly inFlight = 2;
  /** So that connections are left for writes: no flood of reads makes them wait for one. */
  readonly readsInFlight: number;
  readonly #pool: ClientPool;
  readonly #options: PostgresDriverOptions;
  readonly #statements: Statements;

  constructor(pool: ClientPool, options: PostgresDriverOptions) {
    this.layers = [retrying({ withinMs: options.timeoutMs })];
    this.#pool = pool;
    this.readsInFlight = Math.max(2, pool.most - this.inFlight);
    this.#options = options;
    this.#statements = statementsOf(options.names);
  }

  async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
    try {
      return await this.#applyTogether(commits, options);
    } catch (error) {
      if (!(error instanceof LockNotFree) || hasNoNeighbours(commits)) throw error;
      return this.#applyApart(commits, options);
    }
  }

  async read(slots: readonly Slot[]): Promise<readonly (StoredRecord | undefined)[]> {
    const [slot] = slots;
    if (slot !== undefined && slots.length === 1) return [await this.#readOne(slot)];
    const columns = SLOT.map((name) => arrayLiteral(slots.map((slot) => slot[name])));
    const rows = await this.#ask(this.#statements.readMany, columns, "read");
    const records = new Array<StoredRecord | undefined>(slots.length).fill(undefined);
    for (const row of rows) records[Number(row.place) - 1] = recordOf(row);
    return records;
  }

  async readByEventId(tenant: string, eventId: string): Promise<StoredRecord | undefined> {
    const [row] = await this.#ask(this.#statements.readByEventId, [tenant, eventId], "read");
    return row && recordOf(row);
  }

  async scan(query: ScanQuery): Promise<ScanPage> {
    const rows = await this.#ask(this.#statements.scan, scanParameters(query), "read");
    const records = rows.map(recordOf);
    const bytes = records.reduce((sum, record) => sum + (record.bytes?.byteLength ?? 0), 0);
    return { records, more: records.length >= query.limit || bytes >= query.maxBytes };
  }

  async erase(tenant: string, user: string, session: string): Promise<number> {
    const parameters: readonly Parameter[] = [this.#lockTimeout(), DEADLINE, tenant, user, session];
    const [row] = await this.#ask(this.#statements.erase, parameters, "write");
    return Number(row?.count);
  }

  async status(): Promise<DriverStatus> {
    const { names, target } = this.#options;
    const version = await schemaVersion(this.#pool, names);
    const pending = pendingAt(version, migrationsOf(names)).map((migration) => migration.name);
    const missing = await missingRights(this.#pool, names);
    return {
      target,
      schemaVersion: version,
      pendingMigrations: pending,
      ...(missing.length === 0 ? {} : { missingRights: missing }),
      pool: this.#pool.status(),
    };
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async #readOne(slot: Slot): Promise<StoredRecord | undefined> {
    const parameters = SLOT.map((name) => slot[name]);
    const [row] = await this.#ask(this.#statements.read, parameters, "read");
    return row && recordOf(row);
  }

  async #applyTogether(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
    const [statement, parameters] = this.#statementFor(commits, options);
    return unpackOutcomes(await this.#ask(statement, parameters, "write"), commits);
  }

  /**
   * Somebody else holds the lock of a session in this batch. One by one, its commits fail as soon as one of them has
   * waited in vain, and the others do not share their fate: not as long as there is time. What follows a commit of
   * unknown outcome in its session fails too, for asked again that commit would take effect after it.
   */
  async #applyApart(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
    const deadline = performance.now() + this.#options.timeoutMs;
    const barred = new Map<string, StateError>();
    const outcomes: Outcome[] = [];
    let last: StateError | undefined;
    for (const commit of commits) {
      const sessions = sessionsOf(commit);
      const known = sessions.map((session) => barred.get(session)).find((error) => error !== undefined);
      const bar = known ?? (performance.now() > deadline ? last : undefined);
      const outcome = bar ? failed(bar) : await this.#applyAlone(commit, options);
      const error = bar === undefined && outcome.is === "failed" ? barAfter(outcome.error) : undefined;
      if (error !== undefined) {
        last = error;
        for (const session of sessions) barred.set(session, error);
      }
      outcomes.push(outcome);
    }
    return outcomes;
  }

  async #applyAlone(commit: Commit, options: ApplyOptions): Promise<Outcome> {
    try {
      const [outcome] = await this.#applyTogether([commit], options);
      return outcome as Outcome;
    } catch (error) {
      if (isStateError(error)) return failed(error);
      throw error;
    }
  }

  /** What cannot be packed was not sent: it must not leave its neighbours of the batch in doubt. */
  #statementFor(
    commits: readonly Commit[],
    { window }: ApplyOptions,
  ): [statement: string, parameters: readonly Parameter[]] {
    try {
      const [statement, packed] = this.#packed(commits);
      return [statement, [String(window), this.#lockTimeout(), DEADLINE, ...packed]];
    } catch (cause) {
      const details = { field: "commits", rule: "made of text, numbers and bytes" };
      throw new StateError("INVALID_RECORD", "a commit is not of the form the store gives it", {
        details,
        cause,
      });
    }
  }

  /** In rounds where that pays: not for a few commits, nor for many of one slot. */
  #packed(commits: readonly Commit[]): [statement: string, parameters: readonly Parameter[]] {
    if (commits.every(({ writes }) => writes.length === 1)) {
      const rounds = roundsOf(commits);
      if (commits.length >= rounds.length * LEAST_PER_ROUND) {
        return [this.#statements.applyMany, packRounds(commits, rounds)];
      }
    }
    return [this.#statements.apply, packCommits(commits)];
  }

  /** One statement; when it misses something of the schema, the error says what. */
  async #ask(text: string, parameters: readonly Parameter[], intent: Intent): Promise<readonly Row[]> {
    try {
      return await this.#pool.run(text, parameters, intent);
    } catch (error) {
      throw isStateError(error, "SCHEMA_OUTDATED") ? await this.#explain(error) : error;
    }
  }

  async #explain(error: StateError): Promise<StateError> {
    const { names } = this.#options;
    const version = await schemaVersion(this.#pool, names);
    const pending = pendingAt(version, migrationsOf(names));
    if (pending.length > 0) return outdated(version, pending);
    return new StateError(
      "CORRUPT",
      "tables or functions of the schema are missing: restore them from a backup",
      {
        details: {},
        cause: error.cause,
      },
    );
  }

  #lockTimeout(): string {
    return String(lockTimeoutMs(this.#options.timeoutMs));
  }
}

function failed(error: StateError): Outcome {
  return { is: "failed", error };
}

/** What those get that may not go before a commit that failed like this; nothing of theirs was sent. */
function barAfter(error: StateError): StateError | undefined {
  if (error instanceof LockNotFree) return error;
  if (!isStateError(error, "OUTCOME_UNKNOWN")) return undefined;
  return new StateError("UNAVAILABLE", "an earlier write of the session is in doubt: try again", {
    details: { reason: "busy" },
    cause: error.cause,
  });
}

/** What the server locks for a commit. */
function sessionsOf({ writes }: Commit): readonly string[] {
  return writes.map(slotOf).map(({ tenant, user, session }) => `${tenant}\0${user}\0${session}`);
}

/** Whether all would wait for the same lock again. */
function hasNoNeighbours(commits: readonly Commit[]): boolean {
  return commits.length === 1 || new Set(commits.flatMap(sessionsOf)).size === 1;
}

function scanParameters(query: ScanQuery): readonly Parameter[] {
  const { tenant, identity, prefix, after, limit, maxBytes, reverse } = query;
  // Of a scan across identities, the place after which it goes on is a parameter of its own.
  const { from, until = BEYOND_KINDS } = kindRange(identity ? query : { prefix });
  const owner = identity ? [identity.user, identity.session, identity.run] : [null, null, null];
  const place =
    after && !identity
      ? [after.tenant, after.kind, after.user, after.session, after.run]
      : Array(5).fill(null);
  return [tenant ?? null, ...owner, from, until, String(reverse), ...place, String(limit), String(maxBytes)];
}

/** Its types are what is stored: in a table that lost its constraints any. The store judges them. */
function recordOf(row: Row): StoredRecord {
  const { tenant, usr, session, run, kind, event_id, fingerprint, version, updated_at, bytes } = row;
  return {
    tenant: tenant as string,
    user: usr as string,
    session: session as string,
    run: run as string,
    kind: kind as string,
    eventId: event_id as string,
    fingerprint: fingerprint as string,
    version: integerOf(version),
    updatedAt: integerOf(updated_at),
    bytes: bytes as Buffer,
  };
}

/** The server sends integers of 64 bits as text. */
function integerOf(value: unknown): number {
  return value === null ? Number.NaN : Number(value);
}
