import type { Session } from "../../src/contract/driver.js";
import type { Connection } from "./connection.js";

/** Its first row, if it has any. */
const ANY = "SELECT 1 FROM erasure WHERE tenant > '' LIMIT 1";
const LAST = "SELECT last FROM erasure WHERE tenant = ? AND user = ? AND session = ?";

/** Stands for a record that is not erased; takes tenant, user and session. `+` keeps the index of the names in use. */
export const ALIVE = `+record.id > ifnull((
    SELECT last FROM erasure WHERE tenant = ? AND user = ? AND session = ?), -9223372036854775808)`;

export type FenceStatements = ReturnType<typeof prepareFences>;

export function prepareFences(connection: Connection) {
  return { anyFence: connection.prepare(ANY).raw(), lastOf: connection.prepare(LAST).raw() };
}

/** What is erased and still there, as one transaction sees it: the records of a session up to a number. */
export class Fences {
  readonly #sql: FenceStatements;
  readonly #known = new Map<string, number | undefined>();
  #any: boolean | undefined;

  constructor(sql: FenceStatements) {
    this.#sql = sql;
  }

  /** Mostly there are none. */
  get any(): boolean {
    this.#any ??= this.#sql.anyFence.get() !== undefined;
    return this.#any;
  }

  last({ tenant, user, session }: Session): number | undefined {
    if (!this.any) return undefined;
    const key = `${tenant}\0${user}\0${session}`;
    if (!this.#known.has(key)) {
      const row = this.#sql.lastOf.get(tenant, user, session) as [number] | undefined;
      this.#known.set(key, row?.[0]);
    }
    return this.#known.get(key);
  }

  isDead(session: Session, id: number): boolean {
    const last = this.last(session);
    return last !== undefined && id <= last;
  }

  /** The transaction has put one up, or taken one away. */
  changed(): void {
    this.#any = undefined;
    this.#known.clear();
  }
}
