import type { EraseTarget, Session, Slot, Swept } from "../../src/contract/driver.js";
import { type EraseRange, eraseRange, type Place, placeAfter } from "../../src/rules/erase-range.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import type { Connection } from "./connection.js";
import { corruptError } from "./errors.js";
import { eventKey } from "./event-key.js";
import { Fences, prepareFences } from "./fences.js";
import type { TenantNumbers } from "./tenant-numbers.js";

const RECORDS_IN_RANGE = `
SELECT id, run, kind FROM record
WHERE tenant = ? AND user = ? AND session = ? AND (run, kind) >= (?, ?) AND (run, kind) < (?, ?)
ORDER BY run, kind LIMIT ?`;

const CLEAR_FINGERPRINT = "UPDATE seen SET fingerprint = NULL WHERE event_id = ? AND tenant = ?";
const REMOVE = "DELETE FROM record WHERE id = ? RETURNING tenant, event_id";

/** The highest id so far, of any session: every later record gets a higher one. Sweeps begin at the start of the range. */
const FENCE = `
INSERT INTO fence
  (last, next_run, next_kind, touched_at, tenant, user, session, from_run, from_kind, until_run, until_kind)
VALUES ((SELECT ifnull(max(id), 0) FROM record), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** A fence whose range has slots in common with the given one. */
const FENCE_WITHIN = `
SELECT last, from_run, from_kind, until_run, until_kind, next_run, next_kind FROM fence
WHERE tenant = ? AND user = ? AND session = ? AND (from_run, from_kind) < (?, ?) AND (until_run, until_kind) > (?, ?)
LIMIT 1`;
const THIS_FENCE = "tenant = ? AND user = ? AND session = ? AND (from_run, from_kind, until_run) = (?, ?, ?)";
const SAVE_PROGRESS = `UPDATE fence SET next_run = ?, next_kind = ?, touched_at = ? WHERE ${THIS_FENCE}`;
const UNFENCE = `DELETE FROM fence WHERE ${THIS_FENCE}`;
const UNFENCE_COVERED = `
DELETE FROM fence
WHERE tenant = ? AND user = ? AND session = ? AND (from_run, from_kind) >= (?, ?) AND (until_run, until_kind) <= (?, ?)`;
const ABANDONED = `
SELECT tenant, user, session, last, from_run, from_kind, until_run, until_kind, next_run, next_kind
FROM fence WHERE touched_at NOT BETWEEN ? AND ? LIMIT 1`;

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
    recordsInRange: connection.prepare(RECORDS_IN_RANGE).raw(),
    clearFingerprint: connection.prepare(CLEAR_FINGERPRINT),
    remove: connection.prepare(REMOVE).raw(),
    fence: connection.prepare(FENCE),
    fenceWithin: connection.prepare(FENCE_WITHIN).raw(),
    saveProgress: connection.prepare(SAVE_PROGRESS),
    unfence: connection.prepare(UNFENCE),
    unfenceCovered: connection.prepare(UNFENCE_COVERED),
    abandoned: connection.prepare(ABANDONED).raw(),
  };
}

/** A fence, and the place that its sweeps have come to. */
interface SweptFence {
  readonly session: Session;
  readonly last: number;
  readonly range: EraseRange;
  readonly next: Place;
}

/**
 * The erases of one transaction. A small erase removes its records at once. A large one puts up a fence: records of its
 * slots up to the fence's id count as erased and are hidden. Sweeps remove them later, in transactions of their own, and
 * then the fence.
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

  /**
   * The number of records removed; `undefined` when there are so many that a fence was put up instead, or when an earlier
   * erase has left some: sweeps remove and count each record once.
   */
  erase(target: EraseTarget): number | undefined {
    if (this.#fences.hasAny && this.#fenceWithin(target) !== undefined) return this.#putFence(target);
    const { from, until } = eraseRange(target);
    const records = this.#recordsIn(target, from, until, this.#budget + 1);
    if (records.length > this.#budget) return this.#putFence(target);
    for (const { id } of records) this.#remove(id);
    this.#budget -= records.length;
    return records.length;
  }

  /** Removes the record with this id if it is erased. Returns whether it was. */
  removeErased(slot: Slot, id: number): boolean {
    if (!this.#fences.isErased(slot, id)) return false;
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

  sweep(target: EraseTarget): Swept {
    const fence = this.#fenceWithin(target);
    if (fence === undefined) return { removed: 0, more: false };
    const { removed } = this.#sweepFence(fence, MAX_PER_SWEEP, this.#now);
    return { removed, more: this.#fenceWithin(target) !== undefined };
  }

  /** Goes on with one erase that nobody has swept for a while: its process ended, or its clock is wrong. */
  sweepAbandoned(): void {
    if (!this.#fences.hasAny) return;
    const [from, to] = [this.#now - ABANDONED_MS, this.#now + ABANDONED_MS];
    const row = this.#sql.abandoned.get(from, to) as [string, string, string, ...FenceRow] | undefined;
    if (row === undefined) return;
    const [tenant, user, session, ...fence] = row;
    this.#sweepFence(fenceOf({ tenant, user, session }, fence), MAX_SWEPT_PER_BATCH, from - 1);
  }

  #sweepFence(fence: SweptFence, limit: number, touchedAt: number): Pick<Swept, "removed"> {
    const { session, last, range, next } = fence;
    const ends = monotonicMs() + MAX_SWEEP_MS;
    const records = this.#recordsIn(session, next, range.until, limit);
    let removed = 0;
    let examined = 0;
    for (const { id } of records) {
      examined++;
      if (id > last) continue;
      this.#remove(id);
      removed++;
      if (removed % 16 === 0 && monotonicMs() > ends) break;
    }
    const { from, until } = range;
    const key = [...namesOf(session), from.run, from.kind, until.run];
    if (examined === limit || examined < records.length) {
      const { run, kind } = placeAfter(records[examined - 1] as ErasedRecord);
      this.#sql.saveProgress.run(run, kind, touchedAt, ...key);
    } else {
      this.#sql.unfence.run(...key);
      this.#fences.changed();
    }
    return { removed };
  }

  #recordsIn(session: Session, from: Place, until: Place, limit: number): readonly ErasedRecord[] {
    const bounds = [from.run, from.kind, until.run, until.kind];
    const rows = this.#sql.recordsInRange.all(...namesOf(session), ...bounds, limit);
    return (rows as [number, string, string][]).map(([id, run, kind]) => ({ id, run, kind }));
  }

  #fenceWithin(target: EraseTarget): SweptFence | undefined {
    const { from, until } = eraseRange(target);
    const bounds = [until.run, until.kind, from.run, from.kind];
    const row = this.#sql.fenceWithin.get(...namesOf(target), ...bounds) as FenceRow | undefined;
    return row && fenceOf(target, row);
  }

  /** The fence takes the place of those that it covers. */
  #putFence(target: EraseTarget): undefined {
    const range = eraseRange(target);
    const bounds = [range.from.run, range.from.kind, range.until.run, range.until.kind];
    this.#sql.unfenceCovered.run(...namesOf(target), ...bounds);
    this.#sql.fence.run(range.from.run, range.from.kind, this.#now, ...namesOf(target), ...bounds);
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

interface ErasedRecord extends Place {
  readonly id: number;
}

type FenceRow = [
  last: number,
  fromRun: string,
  fromKind: string,
  untilRun: string,
  untilKind: string,
  nextRun: string,
  nextKind: string,
];

function fenceOf(session: Session, row: FenceRow): SweptFence {
  const [last, fromRun, fromKind, untilRun, untilKind, nextRun, nextKind] = row;
  const range = { from: { run: fromRun, kind: fromKind }, until: { run: untilRun, kind: untilKind } };
  return { session, last, range, next: { run: nextRun, kind: nextKind } };
}

function namesOf({ tenant, user, session }: Session): [tenant: string, user: string, session: string] {
  return [tenant, user, session];
}
