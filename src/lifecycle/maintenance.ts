import { isStateError } from "../contract/errors.js";
import type { Identity, MaintenanceScope } from "../contract/store.js";
import { tenantIdentity, userIdentity } from "../identity/identity.js";
import { DamageLog } from "../typed/damage.js";
import { CHUNK_SIZE, chunks, FILTERED_PAGE_SIZE } from "./chunks.js";
import { findEntry, nextEntries, readEntry } from "./listing.js";
import { dropOrphansOf, sweepOrphans } from "./orphans.js";
import { isEntryOf } from "./pointer.js";
import type { LifecycleRecords } from "./records.js";
import type { IndexEntry, List } from "./status-index.js";
import type { LifecycleState } from "./stored.js";

type Signal = AbortSignal | undefined;

export interface SweepOptions {
  /** Also check for every record whether its session was erased. */
  readonly erased: boolean;
  readonly signal: Signal;
}

/** Marks all expired records. Returns how many. CORRUPT at the end if some are damaged. */
export async function expireOverdue<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  scope: MaintenanceScope,
  options: SweepOptions,
): Promise<number> {
  const { declared, index } = records;
  const damage = new DamageLog();
  let marked = 0;
  for (const status of options.erased ? declared.statuses : declared.expiring) {
    const entries = index.scan(scope, status, damage, options.signal);
    for await (const chunk of chunks(entries, options.signal)) {
      const done = await Promise.all(
        chunk.map((entry) => damage.skipIfDamaged(sweepEntry(records, entry, options))),
      );
      marked += done.filter(Boolean).length;
    }
  }
  if (options.erased) await sweepOrphans(records, scope, damage, options.signal);
  damage.throwFirst();
  return marked;
}

/** Returns whether the record was marked now. */
async function sweepEntry<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  entry: IndexEntry<S["status"]>,
  { erased, signal }: SweepOptions,
): Promise<boolean> {
  if (records.declared.statusAt(entry, records.now()) !== entry.status)
    return markExpired(records, entry, signal);
  if (erased && (await findEntry(records, entry, signal)) === undefined)
    await records.dropOrphan(entry, signal);
  return false;
}

/** Returns whether the record was marked now. Meanwhile it may have changed, been marked by another process or erased. */
async function markExpired<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  entry: IndexEntry<S["status"]>,
  signal: Signal,
): Promise<boolean> {
  const { declared } = records;
  let isMarked = false;
  try {
    await records.change(
      entry.key,
      (state, { now }) => {
        if (!isEntryOf(entry, state)) throw declared.notFound();
        const expired = declared.expire(state, now);
        isMarked = expired !== state;
        return expired;
      },
      { signal },
    );
  } catch (error) {
    if (!isStateError(error, "NOT_FOUND")) throw error;
    await records.dropOrphan(entry, signal);
    return false;
  }
  return isMarked;
}

/**
 * Yields the records that have one of these statuses now: by status, then tenant, the oldest first. CORRUPT at the end if
 * some are damaged.
 */
export async function* recover<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  scope: MaintenanceScope,
  statuses: readonly S["status"][],
  signal: Signal,
): AsyncGenerator<V, void, undefined> {
  const { declared, index } = records;
  const damage = new DamageLog();
  for (const status of statuses) {
    for await (const chunk of chunks(index.scan(scope, status, damage, signal), signal)) {
      const now = records.now();
      const matching = chunk.filter((entry) => declared.statusAt(entry, now) === status);
      const read = await Promise.all(
        matching.map((entry) => damage.skipIfDamaged(readEntry(records, entry, now, signal))),
      );
      for (const found of read) {
        signal?.throwIfAborted();
        if (found?.status === status) yield found.record;
      }
    }
  }
  damage.throwFirst();
}

/** A user whose records are made meanwhile does not keep the call for ever. */
const MAX_PASSES = 5;

/**
 * Removes all records of a user, damaged ones too. Returns how many. CORRUPT at the end if entries of a list are damaged:
 * nobody can tell whose they are.
 */
export async function forgetUser<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  { tenant, user }: Pick<Identity, "tenant" | "user">,
  signal: Signal,
): Promise<number> {
  const { index } = records;
  const list =
    index.listOf(userIdentity(tenant, user), "user") ??
    (index.listOf(tenantIdentity(tenant), "tenant") as List);
  const damage = new DamageLog();
  const isOfUser = ({ key }: IndexEntry) => key.identity.user === user;
  const removed = await removeInPasses(records, list, { isOne: isOfUser, damage, signal });
  await dropOrphansOf(records, { tenant, user }, damage, signal);
  damage.throwFirst();
  return removed;
}

/** Removes all records of a list, or those with an id, damaged ones too. Returns how many. CORRUPT at the end if entries are damaged. */
export async function removeAll<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  list: List,
  { id, signal }: { readonly id: string | undefined; readonly signal: Signal },
): Promise<number> {
  const damage = new DamageLog();
  const isOne = (entry: IndexEntry) =>
    records.index.holds(list, entry) !== false && (id === undefined || entry.key.id === id);
  const removed = await removeInPasses(records, list, { isOne, damage, signal });
  damage.throwFirst();
  return removed;
}

interface Removal {
  readonly isOne: (entry: IndexEntry) => boolean;
  readonly damage: DamageLog;
  readonly signal: Signal;
}

/** Until nothing is found: a record whose status changes meanwhile can be missed in one pass. */
async function removeInPasses<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  list: List,
  removal: Removal,
): Promise<number> {
  let removed = 0;
  for (let pass = 1, found = -1; found !== 0 && pass <= MAX_PASSES; pass++, removed += found)
    found = await removeListed(records, list, removal);
  return removed;
}

/** Removes records that are in a list. Returns how many. */
async function removeListed<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  list: List,
  { isOne, damage, signal }: Removal,
): Promise<number> {
  const { statuses } = records.declared;
  let removed = 0;
  let after: string | undefined;
  do {
    const range = { after, limit: FILTERED_PAGE_SIZE, damage, signal };
    const { entries, end } = await nextEntries(records, list, statuses, range);
    const chosen = entries.filter(isOne);
    for (let from = 0; from < chosen.length; from += CHUNK_SIZE) {
      const chunk = chosen.slice(from, from + CHUNK_SIZE);
      const done = await Promise.all(chunk.map((entry) => removeWhole(records, entry, signal)));
      removed += done.filter(Boolean).length;
    }
    after = end;
  } while (after !== undefined);
  return removed;
}

/** Removes a record with what is attached to it. Returns whether there was one. */
export async function removeWhole<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  entry: IndexEntry<S["status"]>,
  signal: Signal,
  isRetention = false,
): Promise<boolean> {
  const { identity, id } = entry.key;
  // First: after an interruption the next call finds the record, and what is left of it.
  for (const prefix of records.declared.given.attached?.(id) ?? [])
    await records.store.erase(identity, { prefix, signal });
  return records.remove(entry, signal, isRetention);
}
