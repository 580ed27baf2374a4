import type { Identity } from "../../dist/src/index.js";

/** How many slots a race saves into and loads from. */
export const SLOTS = 10_000;
export const TENANTS = 50;

/** A slot in columns, as the raw clients' tables have it. */
export interface Slot {
  readonly tenant: string;
  readonly user: string;
  readonly session: string;
  readonly run: string;
  readonly kind: string;
}

/** What stands before the number in each name; `pgbench` puts the same names together in SQL. */
export const NAMES = {
  tenant: "tenant-",
  user: "user-",
  session: "01JQZX4T9M0000000000",
  run: "01JQZX4T9N0000000000",
  kind: "agent/state-",
} as const;

/** Added to every number, so that all names of a sort are of one length. */
export const OFFSET = { tenant: 10, user: 10_000, session: 100_000, run: 100_000 } as const;

/** Four kinds in each run. */
export const KINDS = 4;

export function slotAt(index: number): Slot {
  const run = Math.floor(index / KINDS);
  return {
    tenant: `${NAMES.tenant}${OFFSET.tenant + (run % TENANTS)}`,
    user: `${NAMES.user}${OFFSET.user + run}`,
    session: `${NAMES.session}${OFFSET.session + run}`,
    run: `${NAMES.run}${OFFSET.run + run}`,
    kind: `${NAMES.kind}${index % KINDS}`,
  };
}

export function allSlots(): Slot[] {
  return Array.from({ length: SLOTS }, (_, index) => slotAt(index));
}

export function identityOf({ tenant, user, session, run }: Slot): Identity {
  return { tenant, user, session, run };
}

/** One string for stores that know no more than keys. */
export function keyOf({ tenant, user, session, run, kind }: Slot): string {
  return `${tenant}:${user}:${session}:${run}:${kind}`;
}

/** Ids that look like ULIDs and cost next to nothing, for raw clients. */
export function cheapIds(): () => string {
  let count = 0;
  return () => `01JQZX4T9P${String(++count).padStart(16, "0")}`;
}
