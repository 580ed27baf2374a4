import type { Connection } from "./connection.js";

const NUMBER = "SELECT id FROM tenant WHERE name = ?";
const ADD = "INSERT INTO tenant (name) VALUES (?)";

/** More are looked up again, so that many tenants do not fill the memory. */
const MAX_KNOWN = 10_000;

export type TenantStatements = ReturnType<typeof prepareTenants>;

export function prepareTenants(connection: Connection) {
  return { numberOf: connection.prepare(NUMBER).raw(), addTenant: connection.prepare(ADD) };
}

/** The numbers that stand for tenants in the event memory. A tenant keeps its number for good. */
export class TenantNumbers {
  readonly #sql: TenantStatements;
  /** Numbers of committed rows. */
  readonly #known = new Map<string, number>();
  /** Numbers that this transaction has given, and that may be rolled back. */
  readonly #given = new Map<string, number>();

  constructor(sql: TenantStatements) {
    this.#sql = sql;
  }

  /** To be called at the beginning of each transaction. */
  begin(): void {
    if (this.#given.size > 0) this.#given.clear();
    if (this.#known.size > MAX_KNOWN) this.#known.clear();
  }

  /** `undefined` when the tenant has none: no event of it is remembered. */
  find(tenant: string): number | undefined {
    const known = this.#known.get(tenant) ?? this.#given.get(tenant);
    if (known !== undefined) return known;
    const row = this.#sql.numberOf.get(tenant) as [number] | undefined;
    if (row === undefined) return undefined;
    this.#known.set(tenant, row[0]);
    return row[0];
  }

  findOrAdd(tenant: string): number {
    const found = this.find(tenant);
    if (found !== undefined) return found;
    const number = Number(this.#sql.addTenant.run(tenant).lastInsertRowid);
    this.#given.set(tenant, number);
    return number;
  }
}
