import type { Names } from "../names.js";

/** What isolation by tenant adds to a store. Apart from `Names`, because a store without it has none of these. */
export interface IsolationNames {
  /** The table of keys. */
  readonly tenantKey: string;
  /** The function of the policies. */
  readonly provenTenant: string;
  /** Of each policy by tenant; quoted, unqualified: a policy is its table's. */
  readonly policy: string;
  /** Quoted, unqualified: an index takes its table's schema. */
  readonly tenantLine: string;
  /** The tables that hold data of tenants. */
  readonly tables: readonly string[];
}

/** A version that changes the function or the policies gets a new number, so that both can run beside each other. */
export function isolationNamesOf({ schema, record, event, fence }: Names): IsolationNames {
  const prefix = record.slice(schema.length + 2, -"record".length - 1);
  const own = (name: string) => `"${prefix}${name}"`;
  return {
    tenantKey: `${schema}.${own("tenant_key")}`,
    provenTenant: `${schema}.${own("proven_tenant_1")}`,
    policy: own("proven_tenant_1"),
    tenantLine: own("event_tenant_line"),
    tables: [record, event, fence],
  };
}
