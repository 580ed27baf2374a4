import type {
  MaintenanceScope,
  RecordHeader,
  ScanOptions,
  StateRecord,
  StateStore,
} from "../contract/store.js";
import type { DamageLog } from "../typed/damage.js";
import { type DuePage, duePage, pastTenant } from "../typed/due-scan.js";

type Signal = AbortSignal | undefined;

/** Where a removal of what is due goes on. */
export interface TurnsPosition {
  /** Behind this tenant; absent: with the first one. */
  readonly after: string | undefined;
  /** Of this round, some tenants had more than their share. */
  readonly isMoreBehind: boolean;
}

/** What is due, and how it is removed. */
export interface DueRemoval {
  /** What the kinds of the entries of the index begin with. */
  readonly prefix: string;
  /** In milliseconds since 1970. */
  readonly until: number;
  /** Removes what these entries of one tenant point at, with the entries. Returns how much that was. */
  readonly remove: (entries: readonly StateRecord[]) => Promise<number>;
  /** `remove` reads nothing but the headers of entries. */
  readonly headersOnly?: boolean;
}

/** How much of it is removed. */
export interface TurnsOptions {
  /** How much is removed at most. */
  readonly limit: number;
  /** How many pages of the index are read at most. Default: as many as it takes. */
  readonly pages?: number;
  readonly position: TurnsPosition;
  /** What is damaged is passed over, and noted here. */
  readonly damage: DamageLog;
  readonly signal: Signal;
}

export const FIRST_TURN: TurnsPosition = { after: undefined, isMoreBehind: false };
/** How much of one tenant is removed before it is another's turn. */
const SHARE = 100;

/**
 * Removes what is due: of each tenant the oldest first, some of each tenant in turn. Nothing but entries of the index is read.
 * `next`: where to go on; absent at the end.
 */
export async function removeInTurns(
  store: StateStore,
  scope: MaintenanceScope,
  due: DueRemoval,
  { limit, pages = Number.POSITIVE_INFINITY, position, damage, signal }: TurnsOptions,
): Promise<{ readonly removed: number; readonly next?: TurnsPosition }> {
  const { prefix } = due;
  let { after, isMoreBehind } = position;
  let next = after === undefined ? undefined : pastTenant(after, prefix);
  let removed = 0;
  for (let read = 0; removed < limit && read < pages; read++) {
    signal?.throwIfAborted();
    const range = { after: next, limit: Math.min(SHARE, limit - removed), signal };
    const page = await readPage(store, scope, due, range, damage);
    const before = removed;
    for (const entries of byTenant(page.due).values()) removed += await due.remove(entries);
    next = page.next;
    if (next === undefined) {
      if (!isMoreBehind) return { removed };
      // Another round, for the tenants that had more than their share.
      ({ after, isMoreBehind } = FIRST_TURN);
      continue;
    }
    const { tenant } = next.identity;
    after = tenant;
    const isMoreOfIt = next.kind < pastTenant(tenant, prefix).kind;
    // Of a tenant whose entries cannot be removed, those behind them are looked for.
    if (isMoreOfIt && scope.tenant === undefined && removed > before) {
      isMoreBehind = true;
      next = pastTenant(tenant, prefix);
    }
  }
  // What was removed of the one tenant is gone, so the next call begins where this one did.
  return { removed, next: scope.tenant === undefined ? { after, isMoreBehind } : FIRST_TURN };
}

/** A page, past the entries of which not even the kind can be read. */
async function readPage(
  store: StateStore,
  scope: MaintenanceScope,
  { prefix, until, headersOnly = false }: DueRemoval,
  options: ScanOptions & { readonly limit: number },
  damage: DamageLog,
): Promise<DuePage<StateRecord>> {
  for (let range = options; ; ) {
    try {
      // Whoever reads headers alone finds no bytes.
      return headersOnly
        ? ((await duePage(
            store,
            scope,
            prefix,
            { until },
            { ...range, bytes: false },
          )) as DuePage<StateRecord>)
        : await duePage(store, scope, prefix, { until }, range);
    } catch (error) {
      const after = damage.add(error);
      if (after === undefined) throw error;
      range = { ...options, after };
    }
  }
}

function byTenant<R extends RecordHeader>(entries: readonly R[]): Map<string, R[]> {
  const tenants = new Map<string, R[]>();
  for (const entry of entries) {
    const { tenant } = entry.identity;
    tenants.set(tenant, [...(tenants.get(tenant) ?? []), entry]);
  }
  return tenants;
}
