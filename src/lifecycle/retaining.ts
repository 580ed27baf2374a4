import type { MaintenanceScope } from "../contract/store.js";
import { isReserved } from "../identity/identity.js";
import { findCell } from "../typed/cell-operations.js";
import { type Fate, retainPages } from "../typed/retaining/retain-pages.js";
import type { Retained, RetainOptions } from "../typed/retaining/retained-data.js";
import { removeWhole } from "./maintenance.js";
import { type Entry, isEntryOf } from "./pointer.js";
import type { LifecycleRecords } from "./records.js";
import type { IndexEntry } from "./status-index.js";
import type { LifecycleState } from "./stored.js";

/**
 * Removes the payloads of records that ended before one time, and whole records that ended before another. What is open stays.
 * Entries of the tenants' lists say how old a record is at most, and whether its payload is gone, so others are not read.
 */
export function retainRecords<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  scope: MaintenanceScope,
  options: RetainOptions,
): Promise<Retained> {
  const { declared, index, store } = records;
  const { records: recordsBefore = -Infinity } = options.before;
  const { payloads: payloadsBefore = -Infinity } =
    declared.given.withoutPayload === undefined ? {} : options.before;
  const before = Math.max(recordsBefore, payloadsBefore);
  if (before === -Infinity) return Promise.resolve({ payloads: 0, records: 0, kept: 0 });
  const statuses = declared.statuses.filter((status) => declared.isFinal(status));
  const prefixes = statuses.map((status) => index.tenantPrefix(status));
  const fateAt = (endedAt: number, isBare: boolean): Fate => {
    if (endedAt < recordsBefore) return "record";
    return endedAt < payloadsBefore && !isBare ? "payload" : undefined;
  };
  return retainPages(store, scope, { prefixes, before }, options, async (record, prefix) => {
    const entry = await index.read(record, statuses[prefixes.indexOf(prefix)] as S["status"]);
    // It ended after it was created, so it can be too old only if its entry is.
    if (fateAt(entry.createdAt, entry.isBare === true) === undefined) return undefined;
    return retainOne(records, entry, fateAt, options);
  });
}

async function retainOne<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  entry: IndexEntry<S["status"]>,
  fateAt: (endedAt: number, isBare: boolean) => Fate,
  { dryRun, isKept, signal }: RetainOptions,
): Promise<Fate> {
  const { declared } = records;
  const { key } = entry;
  const state = (await findCell(records.store, records.cell(key), { signal }))?.value;
  if (state === undefined || !isEntryOf(entry, state)) return dropUnlessDry(records, entry, dryRun, signal);
  const endedAt = declared.given.endedAt?.(state) ?? state.createdAt;
  const fate = declared.isFinal(state.status)
    ? fateAt(endedAt, state.payloadRemovedAt !== undefined)
    : undefined;
  if (fate === undefined) return undefined;
  if (!isReserved(key.identity.session) && (await isKept(key.identity))) return "kept";
  if (dryRun) return fate;
  if (fate === "record") return (await removeWhole(records, entry, signal, true)) ? fate : undefined;
  // First: after an interruption the next call finds the record with its payload, and what is left of it.
  for (const prefix of declared.given.attachedPayload?.(key.id) ?? [])
    await records.store.erase(key.identity, { prefix, signal });
  return (await records.removePayload(key, signal)) ? fate : undefined;
}

async function dropUnlessDry<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  entry: Entry,
  dryRun: boolean,
  signal: AbortSignal | undefined,
): Promise<undefined> {
  if (!dryRun) await records.dropOrphan(entry, signal);
}
