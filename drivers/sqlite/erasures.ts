import type { Session, Swept } from "../../src/contract/driver.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import type { Connection } from "./connection.js";
import { damaged } from "./errors.js";
import { Fences, prepareFences } from "./fences.js";

const DOOMED = `
SELECT id, run, kind FROM record
WHERE tenant = ? AND user = ? AND session = ? AND (run, kind) > (?, ?)
ORDER BY run, kind LIMIT ?`;

const FORGET_CONTENT = `
UPDATE event SET fingerprint = NULL
WHERE (tenant, event_id) = (SELECT tenant, event_id FROM record WHERE id = ?)`;
const REMOVE = "DELETE FROM record WHERE id = ?";

/** Everything there is up to now, of whatever session: a later record gets a higher number. */
const FENCE = `
INSERT INTO erasure (tenant, user, session, last, run, kind, touched_at)
VALUES (?, ?, ?, (SELECT max(id) FROM record), '', '', ?)
ON CONFLICT DO UPDATE SET last = max(last, excluded.last), run = '', kind = '', touched_at = excluded.touched_at`;

const SWEPT_UP_TO = "SELECT last, run, kind FROM erasure WHERE tenant = ? AND user = ? AND session = ?";
const GO_ON = `
UPDATE erasure SET run = ?, kind = ?, touched_at = ? WHERE tenant = ? AND user = ? AND session = ?`;
const UNFENCE = "DELETE FROM erasure WHERE tenant = ? AND user = ? AND session = ?";
const LEFT_ALONE = `
SELECT tenant, user, session FROM erasure WHERE touched_at NOT BETWEEN ? AND ? LIMIT 1`;

/** What the erases of one batch may remove at once; the rest is swept up. */
const AT_ONCE = 1000;
/** A piece ends with this many records, or when its time is up: others wait for it. */
const PIECE = 2000;
const PIECE_MS = 5;
/** Of what nobody sweeps any more, along with a batch. */
const ALONG = 200;
const LEFT_ALONE_MS = 60_000;

export type ErasureStatements = ReturnType<typeof prepareErasures>;

export function prepareErasures(connection: Connection) {
  return {
    ...prepareFences(connection),
    doomed: connection.prepare(DOOMED).raw(),
    forgetContent: connection.prepare(FORGET_CONTENT),
    remove: connection.prepare(REMOVE),
    fence: connection.prepare(FENCE),
    sweptUpTo: connection.prepare(SWEPT_UP_TO).raw(),
    goOn: connection.prepare(GO_ON),
    unfence: connection.prepare(UNFENCE),
    leftAlone: connection.prepare(LEFT_ALONE).raw(),
  };
}

/**
 * The erases of one transaction. Few records are removed at once. Many are fenced: those up to a number are erased, though
 * they are still there, and nobody sees them; they go piece by piece, in transactions of their own, and the fence last.
 */
export class Erasures {
  readonly #sql: ErasureStatements;
  readonly #fences: Fences;
  readonly #now: number;
  #left = AT_ONCE;

  constructor(sql: ErasureStatements, now: number) {
    this.#sql = sql;
    this.#fences = new Fences(sql);
    this.#now = now;
  }

  /** How many records are gone; undefined when there are so many that they are fenced. */
  erase(session: Session): number | undefined {
    const names = namesOf(session);
    const rows = this.#sql.doomed.all(...names, "", "", this.#left + 1) as [id: number, ...unknown[]][];
    if (rows.length > this.#left) {
      this.#sql.fence.run(...names, this.#now);
      this.#fences.changed();
      return undefined;
    }
    this.#left -= rows.length;
    const last = this.#fences.last(session);
    for (const [id] of rows) this.#remove(id);
    if (last !== undefined) this.#unfence(session);
    return rows.filter(([id]) => last === undefined || id > last).length;
  }

  /** Removes the record in this row where it is erased and still there; whether it was. */
  removeDead(session: Session, id: number): boolean {
    if (!this.#fences.isDead(session, id)) return false;
    this.#remove(id);
    return true;
  }

  /** What the number of a new record of this session must be above; undefined when any will do. */
  fencedUpTo(session: Session): number | undefined {
    return this.#fences.last(session);
  }

  /** Whether anything is fenced at all. */
  get any(): boolean {
    return this.#fences.any;
  }

  sweep(session: Session): Swept {
    return this.#sweep(session, PIECE, this.#now);
  }

  /** Some of what is left of an erase whose store is gone, or its clock. */
  sweepAlong(): void {
    if (!this.#fences.any) return;
    const [from, to] = [this.#now - LEFT_ALONE_MS, this.#now + LEFT_ALONE_MS];
    const row = this.#sql.leftAlone.get(from, to) as [string, string, string] | undefined;
    if (row === undefined) return;
    const [tenant, user, session] = row;
    this.#sweep({ tenant, user, session }, ALONG, from - 1);
  }

  #sweep(session: Session, most: number, touchedAt: number): Swept {
    const fence = this.#sql.sweptUpTo.get(...namesOf(session)) as [number, string, string] | undefined;
    if (fence === undefined) return { removed: 0, more: false };
    const [last, run, kind] = fence;
    const ends = monotonicMs() + PIECE_MS;
    const rows = this.#sql.doomed.all(...namesOf(session), run, kind, most) as [number, string, string][];
    let removed = 0;
    let looked = 0;
    for (const [id] of rows) {
      looked++;
      if (id > last) continue;
      this.#remove(id);
      removed++;
      if (removed % 16 === 0 && monotonicMs() > ends) break;
    }
    const more = looked === most || looked < rows.length;
    if (more) {
      const [, run, kind] = rows[looked - 1] as [number, string, string];
      this.#sql.goOn.run(run, kind, touchedAt, ...namesOf(session));
    } else this.#unfence(session);
    return { removed, more };
  }

  #unfence(session: Session): void {
    this.#sql.unfence.run(...namesOf(session));
    this.#fences.changed();
  }

  /** Of its event stays the id alone. */
  #remove(id: number): void {
    this.#sql.forgetContent.run(id);
    const { changes } = this.#sql.remove.run(id);
    if (changes !== 1) throw damaged("an index of the database leads to a row that is not there");
  }
}

function namesOf({ tenant, user, session }: Session): [tenant: string, user: string, session: string] {
  return [tenant, user, session];
}
