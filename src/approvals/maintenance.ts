import { isStateError } from "../contract/errors.js";
import type { Identity, MaintenanceScope } from "../contract/store.js";
import { type Approval, type ApprovalStatus, STATUSES } from "./approval.js";
import { DamageLog } from "./damage.js";
import { noSuchApproval } from "./errors.js";
import { dropOrphan, findEntry, readEntry } from "./listing.js";
import type { ApprovalRecords } from "./records.js";
import { type IndexEntry, isEntryOf } from "./status-index.js";
import { statusAt } from "./stored-approval.js";
import { expire } from "./transitions.js";

type Signal = AbortSignal | undefined;

export interface SweepOptions {
  /** Also check for every approval whether its session was erased. */
  readonly erased: boolean;
  readonly signal: Signal;
}

/** Approvals in memory, and processed in parallel, at a time. */
const CHUNK_SIZE = 100;

/** Marks all expired approvals. Returns how many. CORRUPT at the end if some are damaged. */
export async function expireOverdue(
  records: ApprovalRecords,
  scope: MaintenanceScope,
  options: SweepOptions,
): Promise<number> {
  const damage = new DamageLog();
  let marked = 0;
  for (const status of options.erased ? STATUSES : (["pending", "approved"] as const)) {
    for await (const chunk of chunks(
      records.index.scan(scope, status, damage, options.signal),
      options.signal,
    )) {
      const done = await Promise.all(
        chunk.map((entry) => damage.skipIfDamaged(sweepEntry(records, entry, options))),
      );
      marked += done.filter(Boolean).length;
    }
  }
  damage.throwFirst();
  return marked;
}

/** Returns whether the approval was marked now. */
async function sweepEntry(
  records: ApprovalRecords,
  entry: IndexEntry,
  { erased, signal }: SweepOptions,
): Promise<boolean> {
  if (statusAt(entry, records.now()) !== entry.status) return markExpired(records, entry, signal);
  if (erased && (await findEntry(records, entry, signal)) === undefined)
    await dropOrphan(records, entry, signal);
  return false;
}

/** Returns whether the approval was marked now. Meanwhile it may have been claimed, marked by another process or erased. */
async function markExpired(records: ApprovalRecords, entry: IndexEntry, signal: Signal): Promise<boolean> {
  let isMarked = false;
  try {
    await records.change(
      entry.key,
      (approval, now) => {
        if (!isEntryOf(entry, approval)) throw noSuchApproval();
        const expired = expire(approval, now);
        isMarked = expired !== approval;
        return expired;
      },
      { signal },
    );
  } catch (error) {
    if (!isStateError(error, "NOT_FOUND")) throw error;
    await dropOrphan(records, entry, signal);
    return false;
  }
  return isMarked;
}

/**
 * Yields the approvals that have one of these statuses now: by status, then tenant, the oldest first. CORRUPT at the end
 * if some are damaged.
 */
export async function* recover(
  records: ApprovalRecords,
  scope: MaintenanceScope,
  statuses: readonly ApprovalStatus[],
  signal: Signal,
): AsyncGenerator<Approval, void, undefined> {
  const damage = new DamageLog();
  for (const status of statuses) {
    for await (const chunk of chunks(records.index.scan(scope, status, damage, signal), signal)) {
      const now = records.now();
      const matching = chunk.filter((entry) => statusAt(entry, now) === status);
      const read = await Promise.all(
        matching.map((entry) => damage.skipIfDamaged(readEntry(records, entry, now, signal))),
      );
      for (const approval of read) {
        signal?.throwIfAborted();
        if (approval?.status === status) yield approval;
      }
    }
  }
  damage.throwFirst();
}

/** Removes all approvals of a user, in the order in which statuses follow each other. Returns how many. */
export async function forgetUser(
  records: ApprovalRecords,
  { tenant, user }: Pick<Identity, "tenant" | "user">,
  signal: Signal,
): Promise<number> {
  let removed = 0;
  for (const status of STATUSES) {
    for (let before: string | undefined; ; ) {
      const page = await records.index.newest({ tenant }, status, { before, limit: CHUNK_SIZE, signal });
      for (const entry of page)
        if (entry.key.identity.user === user && (await records.remove(entry, signal))) removed++;
      if (page.length < CHUNK_SIZE) break;
      before = page.at(-1)?.position;
    }
  }
  return removed;
}

async function* chunks<T>(all: AsyncIterable<T>, signal: Signal): AsyncGenerator<T[], void, undefined> {
  let chunk: T[] = [];
  for await (const item of all) {
    chunk.push(item);
    if (chunk.length < CHUNK_SIZE) continue;
    yield chunk;
    signal?.throwIfAborted();
    chunk = [];
  }
  yield chunk;
}
