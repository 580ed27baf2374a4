import { invalid } from "../contract/errors.js";
import type { MaintenanceScope, RecordHeader, ScanOptions, StateStore } from "../contract/store.js";
import { DamageLog } from "../typed/damage.js";
import { type DuePage, duePage, pastTenant } from "../typed/due-scan.js";
import { readName } from "../validation/validate-text.js";
import { removeDue } from "./remove-due.js";
import { DUE } from "./stored-value.js";
import type { Cleanup } from "./value.js";

type Signal = AbortSignal | undefined;

/** Where a clean-up goes on. */
export interface CleanupPosition {
  /** Behind this tenant; absent: with the first one. */
  readonly after: string | undefined;
  /** Of this round, some tenants had more than their share. */
  readonly isMoreBehind: boolean;
}

const START: CleanupPosition = { after: undefined, isMoreBehind: false };
/** How many values of one tenant are removed before it is another's turn. */
const SHARE = 100;
const [MORE_BEHIND, NONE_BEHIND] = ["+", "-"];

/** Reads the `next` of the call before. */
export function readPosition(value: unknown): CleanupPosition {
  if (value === undefined) return START;
  const flag = typeof value === "string" ? value.charAt(0) : "";
  if (typeof value !== "string" || ![MORE_BEHIND, NONE_BEHIND].includes(flag as string))
    throw invalid("after", "the `next` of a call of cleanup");
  const tenant = value.slice(1);
  return {
    after: tenant === "" ? undefined : readName(tenant, "after"),
    isMoreBehind: flag === MORE_BEHIND,
  };
}

function textOf({ after = "", isMoreBehind }: CleanupPosition): string {
  return (isMoreBehind ? MORE_BEHIND : NONE_BEHIND) + after;
}

/**
 * Removes values that are past their time: of each tenant the oldest first, some of each tenant in turn. Nothing but entries of
 * the index is read. What is damaged is passed over, and the first damage is thrown as CORRUPT.
 */
export async function cleanUp(
  store: StateStore,
  scope: MaintenanceScope,
  until: number,
  {
    limit,
    position,
    signal,
  }: { readonly limit: number; readonly position: CleanupPosition; readonly signal: Signal },
): Promise<Cleanup> {
  const damage = new DamageLog();
  let { after, isMoreBehind } = position;
  let next = after === undefined ? undefined : pastTenant(after, DUE);
  let removed = 0;
  for (let pages = 0; removed < limit && pages < limit; pages++) {
    signal?.throwIfAborted();
    const range = { after: next, limit: Math.min(SHARE, limit - removed), signal };
    const page = await readPage(store, scope, until, range, damage);
    for (const entries of byTenant(page.due).values())
      removed += await removeDue(store, entries, damage, signal);
    next = page.next;
    if (next === undefined) {
      if (!isMoreBehind) {
        damage.throwFirst();
        return { removed };
      }
      // Another round, for the tenants that had more than their share.
      ({ after, isMoreBehind } = START);
      continue;
    }
    const { tenant } = next.identity;
    after = tenant;
    const isMoreOfIt = next.kind < pastTenant(tenant, DUE).kind;
    if (isMoreOfIt && scope.tenant === undefined && page.due.length > 0) {
      isMoreBehind = true;
      next = pastTenant(tenant, DUE);
    }
  }
  damage.throwFirst();
  // What was removed of the one tenant is gone, so the next call begins where this one did.
  return { removed, next: textOf(scope.tenant === undefined ? { after, isMoreBehind } : START) };
}

/** A page, past the entries of which not even the kind can be read. */
async function readPage(
  store: StateStore,
  scope: MaintenanceScope,
  until: number,
  options: ScanOptions & { readonly limit: number },
  damage: DamageLog,
): Promise<DuePage<RecordHeader>> {
  for (let range = options; ; ) {
    try {
      return await duePage(store, scope, DUE, { until }, { ...range, bytes: false });
    } catch (error) {
      const after = damage.add(error);
      if (after === undefined) throw error;
      range = { ...options, after };
    }
  }
}

function byTenant(entries: readonly RecordHeader[]): Map<string, RecordHeader[]> {
  const tenants = new Map<string, RecordHeader[]>();
  for (const entry of entries) {
    const { tenant } = entry.identity;
    tenants.set(tenant, [...(tenants.get(tenant) ?? []), entry]);
  }
  return tenants;
}
