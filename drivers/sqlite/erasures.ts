import type { Session, Swept } from "../../src/contract/driver.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import type { Connection } from "./connection.js";
import { corruptError } from "./errors.js";
import { eventKey } from "./event-key.js";
import { Fences, prepareFences } from "./fences.js";
import type { TenantNumbers } from "./tenant-numbers.js";

const SESSION_RECORDS = `
SELECT id, run, kind FROM record
WHERE tenant = ? AND user = ? AND session = ? AND (run, kind) > (?, ?)
ORDER BY run, kind LIMIT ?`;

const CLEAR_FINGERPRINT = "UPDATE seen SET fingerprint = NULL WHERE event_id = ? AND tenant = ?";
const REMOVE = "DELETE FROM record WHERE id = ? RETURNING tenant, event_id";

/** The highest id so far, of any session: every later record gets a higher one. */
const FENCE = `
INSERT INTO erasure (tenant, user, session, last, run, kind, touched_at)
VALUES (?, ?, ?, (SELECT max(id) FROM record), '', '', ?)
ON CONFLICT DO UPDATE SET last = max(last, excluded.last), run = '', kind = '', touched_at = excluded.touched_at`;

const SWEPT_UP_TO = "SELECT last, run, kind FROM erasure WHERE tenant = ? AND user = ? AND session = ?";
const SAVE_PROGRESS = `
UPDATE erasure SET run = ?, kind = ?, touched_at = ? WHERE tenant = ? AND user = ? AND session = ?`;
const UNFENCE = "DELETE FROM erasure WHERE tenant = ? AND user = ? AND session = ?";
const ABANDONED = `
SELECT tenant, user, session FROM erasure WHERE touched_at NOT BETWEEN ? AND ? LIMIT 1`;

/** Records that the erases of one batch remove at once. A larger erase puts up a fence, and sweeps remove its records. */
const MAX_ERASED_AT_ONCE = 1000;
/** A sweep ends after this many records or milliseconds, because other writes wait for it. */
const MAX_PER_SWEEP = 2000;
const MAX_SWEEP_MS = 5;
/** Records of an abandoned erase that a batch removes. */
const MAX_SWEPT_PER_BATCH = 200;
const ABANDONED_MS = 60_000;

export type ErasureStatements = ReturnType<typeof prepareErasures>;

export function prepareErasures(connection: Connection) {
  return {
    ...prepareFences(connection),
    sessionRecords: connection.prepare(SESSION_RECORDS).raw(),
    clearFingerprint: connection.prepare(CLEAR_FINGERPRINT),
    remove: connection.prepare(REMOVE).raw(),
    fence: connection.prepare(FENCE),
    sweptUpTo: connection.prepare(SWEPT_UP_TO).raw(),
    saveProgress: connection.prepare(SAVE_PROGRESS),
    unfence: connection.prepare(UNFENCE),
    abandoned: connection.prepare(ABANDONED).raw(),
  };
}

/**
 * The erases of one transaction. A small erase removes its records at once. A large one puts up a fence: records up to the
 * fence's id count as erased and are hidden. Sweeps remove them later, in transactions of their own, and then the fence.
 */
export class Erasures {
  readonly #sql: ErasureStatements;
  readonly #fences: Fences;
  readonly #tenants: TenantNumbers;
  readonly #now: number;
  #budget = MAX_ERASED_AT_ONCE;

  constructor(sql: ErasureStatements, tenants: TenantNumbers, now: number) {
    this.#sql = sql;
    this.#tenants = tenants;
    this.#fences = new Fences(sql);
    this.#now = now;
  }

  /** The number of records removed; `undefined` when there are so many that the session was fenced instead. */
  erase(session: Session): number | undefined {
    const names = namesOf(session);
    const rows = this.#sql.sessionRecords.all(...names, "", "", this.#budget + 1) as [
      id: number,
      ...unknown[],
    ][];
    if (rows.length > this.#budget) {
      this.#sql.fence.run(...names, this.#now);
      this.#fences.changed();
      return undefined;
    }
    this.#budget -= rows.length;
    const last = this.#fences.fencedUpTo(session);
    for (const [id] of rows) this.#remove(id);
    if (last !== undefined) this.#unfence(session);
    return rows.filter(([id]) => last === undefined || id > last).length;
  }

  /** Removes the record with this id if it is erased. Returns whether it was. */
  removeErased(session: Session, id: number): boolean {
    if (!this.#fences.isErased(session, id)) return false;
    this.#remove(id);
    return true;
  }

  /** A new record of this session must get an id above this one; `undefined` when the session has no fence. */
  fencedUpTo(session: Session): number | undefined {
    return this.#fences.fencedUpTo(session);
  }

  /** Whether any session is fenced. */
  get hasAny(): boolean {
    return this.#fences.hasAny;
  }

  sweep(session: Session): Swept {
    return this.#sweepRecords(session, MAX_PER_SWEEP, this.#now);
  }

  /** Goes on with one erase that nobody has swept for a while: its process ended, or its clock is wrong. */
  sweepAbandoned(): void {
    if (!this.#fences.hasAny) return;
    const [from, to] = [this.#now - ABANDONED_MS, this.#now + ABANDONED_MS];
    const row = this.#sql.abandoned.get(from, to) as [string, string, string] | undefined;
    if (row === undefined) return;
    const [tenant, user, session] = row;
    this.#sweepRecords({ tenant, user, session }, MAX_SWEPT_PER_BATCH, from - 1);
  }

  #sweepRecords(session: Session, limit: number, touchedAt: number): Swept {
    const fence = this.#sql.sweptUpTo.get(...namesOf(session)) as [number, string, string] | undefined;
    if (fence === undefined) return { removed: 0, more: false };
    const [last, run, kind] = fence;
    const ends = monotonicMs() + MAX_SWEEP_MS;
    const rows = this.#sql.sessionRecords.all(...namesOf(session), run, kind, limit) as [
      number,
      string,
      string,
    ][];
    let removed = 0;
    let examined = 0;
    for (const [id] of rows) {
      examined++;
      if (id > last) continue;
      this.#remove(id);
      removed++;
      if (removed % 16 === 0 && monotonicMs() > ends) break;
    }
    const more = examined === limit || examined < rows.length;
    if (more) {
      const [, run, kind] = rows[examined - 1] as [number, string, string];
      this.#sql.saveProgress.run(run, kind, touchedAt, ...namesOf(session));
    } else this.#unfence(session);
    return { removed, more };
  }

  #unfence(session: Session): void {
    this.#sql.unfence.run(...namesOf(session));
    this.#fences.changed();
  }

  /** Removes the record. Its event id is kept, without the fingerprint. */
  #remove(id: number): void {
    const row = this.#sql.remove.get(id) as [tenant: unknown, eventId: unknown] | undefined;
    if (row === undefined) throw corruptError("an index of the database leads to a row that is not there");
    const [tenant, eventId] = row;
    if (typeof tenant !== "string" || typeof eventId !== "string") return;
    const number = this.#tenants.find(tenant);
    if (number !== undefined) this.#sql.clearFingerprint.run(eventKey(eventId), number);
  }
}

function namesOf({ tenant, user, session }: Session): [tenant: string, user: string, session: string] {
  return [tenant, user, session];
}
