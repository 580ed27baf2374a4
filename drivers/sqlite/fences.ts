import type { Session } from "../../src/contract/driver.js";
import type { Connection } from "./connection.js";

/** The first row of the table, if there is one. */
const FIRST_FENCE = "SELECT 1 FROM erasure WHERE tenant > '' LIMIT 1";
const LAST = "SELECT last FROM erasure WHERE tenant = ? AND user = ? AND session = ?";

/** True of a record that is not erased. Takes tenant, user and session. `+` makes SQLite use the index of the names. */
export const NOT_ERASED = `+record.id > ifnull((
    SELECT last FROM erasure WHERE tenant = ? AND user = ? AND session = ?), -9223372036854775808)`;

export type FenceStatements = ReturnType<typeof prepareFences>;

export function prepareFences(connection: Connection) {
  return { anyFence: connection.prepare(FIRST_FENCE).raw(), lastOf: connection.prepare(LAST).raw() };
}

/**
 * The erased records that are not removed yet, as one transaction sees them: of each fenced session, the records with an
 * id up to the fence's.
 */
export class Fences {
  readonly #sql: FenceStatements;
  readonly #known = new Map<string, number | undefined>();
  #hasAny: boolean | undefined;

  constructor(sql: FenceStatements) {
    this.#sql = sql;
  }

  /** Usually false, which saves a query per record. */
  get hasAny(): boolean {
    this.#hasAny ??= this.#sql.anyFence.get() !== undefined;
    return this.#hasAny;
  }

  fencedUpTo({ tenant, user, session }: Session): number | undefined {
    if (!this.hasAny) return undefined;
    const key = `${tenant}\0${user}\0${session}`;
    if (!this.#known.has(key)) {
      const row = this.#sql.lastOf.get(tenant, user, session) as [number] | undefined;
      this.#known.set(key, row?.[0]);
    }
    return this.#known.get(key);
  }

  isErased(session: Session, id: number): boolean {
    const fencedUpTo = this.fencedUpTo(session);
    return fencedUpTo !== undefined && id <= fencedUpTo;
  }

  /** To be called when the transaction has added or removed a fence: forgets what was read before. */
  changed(): void {
    this.#hasAny = undefined;
    this.#known.clear();
  }
}
