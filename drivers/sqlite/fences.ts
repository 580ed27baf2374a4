import type { Session, Slot } from "../../src/contract/driver.js";
import { type EraseRange, isInRange } from "../../src/rules/erase-range.js";
import type { Connection } from "./connection.js";

/** The first row of the table, if there is one. */
const FIRST_FENCE = "SELECT 1 FROM fence WHERE tenant > '' LIMIT 1";
const FENCES_OF = `
SELECT last, from_run, from_kind, until_run, until_kind FROM fence
WHERE tenant = ? AND user = ? AND session = ?`;

/** In a fence's row: the fence covers `record`. */
const COVERS = `fence.last >= record.id
      AND (fence.from_run, fence.from_kind) <= (record.run, record.kind)
      AND (fence.until_run, fence.until_kind) > (record.run, record.kind)`;

/** True of a record that is not erased: for single records, where values to bind would cost more than the search. */
export const RECORD_NOT_ERASED = `NOT EXISTS (
    SELECT 1 FROM fence
    WHERE fence.tenant = record.tenant AND fence.user = record.user AND fence.session = record.session AND ${COVERS})`;

/**
 * The same for the records of one session. Takes tenant, user and session, twice. The first subquery is of the session alone, so
 * SQLite runs it once for all records of a list; usually it finds no fence, and the second is not needed. `+` makes SQLite
 * use the index of the names.
 */
export const NOT_ERASED = `(+record.id > ifnull((
    SELECT max(last) FROM fence WHERE tenant = ? AND user = ? AND session = ?), -9223372036854775808)
  OR NOT EXISTS (
    SELECT 1 FROM fence
    WHERE fence.tenant = ? AND fence.user = ? AND fence.session = ? AND ${COVERS}))`;

/** What NOT_ERASED takes. */
export function notErasedOf({ tenant, user, session }: Session): readonly string[] {
  return [tenant, user, session, tenant, user, session];
}

export type FenceStatements = ReturnType<typeof prepareFences>;

export function prepareFences(connection: Connection) {
  return { anyFence: connection.prepare(FIRST_FENCE).raw(), fencesOf: connection.prepare(FENCES_OF).raw() };
}

interface Fence {
  readonly last: number;
  readonly range: EraseRange;
}

/**
 * The erased records that are not removed yet, as one transaction sees them: of the slots of each fence, the records with an
 * id up to the fence's.
 */
export class Fences {
  readonly #sql: FenceStatements;
  readonly #known = new Map<string, readonly Fence[]>();
  #hasAny: boolean | undefined;

  constructor(sql: FenceStatements) {
    this.#sql = sql;
  }

  /** Usually false, which saves a query per record. */
  get hasAny(): boolean {
    this.#hasAny ??= this.#sql.anyFence.get() !== undefined;
    return this.#hasAny;
  }

  /** Every record of the session above this id is not erased; `undefined` when the session has no fence. */
  fencedUpTo(session: Session): number | undefined {
    const fences = this.#of(session);
    return fences.length === 0 ? undefined : Math.max(...fences.map(({ last }) => last));
  }

  isErased(slot: Slot, id: number): boolean {
    return this.#of(slot).some(({ last, range }) => id <= last && isInRange(slot, range));
  }

  /** To be called when the transaction has added or removed a fence: forgets what was read before. */
  changed(): void {
    this.#hasAny = undefined;
    this.#known.clear();
  }

  #of({ tenant, user, session }: Session): readonly Fence[] {
    if (!this.hasAny) return [];
    const key = `${tenant}\0${user}\0${session}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const rows = this.#sql.fencesOf.all(tenant, user, session) as FenceRow[];
    const fences = rows.map(fenceOf);
    this.#known.set(key, fences);
    return fences;
  }
}

type FenceRow = [last: number, fromRun: string, fromKind: string, untilRun: string, untilKind: string];

function fenceOf([last, fromRun, fromKind, untilRun, untilKind]: FenceRow): Fence {
  const range = { from: { run: fromRun, kind: fromKind }, until: { run: untilRun, kind: untilKind } };
  return { last, range };
}
