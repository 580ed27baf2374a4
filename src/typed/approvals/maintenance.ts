import type { MaintenanceScope } from "../../contract.js";
import { isStateError } from "../../errors.js";
import type { Approval, ApprovalStatus } from "./approval.js";
import { readEntry } from "./listing.js";
import type { ApprovalRecords } from "./records.js";
import type { IndexEntry } from "./status-index.js";
import { statusAt } from "./stored-approval.js";
import { expire } from "./transitions.js";

type Signal = AbortSignal | undefined;

/** How many approvals are held, and under way, at once. */
const CHUNK = 100;

/** Marks all whose time is over; how many. */
export async function expireOverdue(
  records: ApprovalRecords,
  scope: MaintenanceScope,
  signal: Signal,
): Promise<number> {
  let marked = 0;
  for (const status of ["pending", "approved"] as const) {
    for await (const chunk of chunks(records.index.scan(scope, status, signal))) {
      const overdue = chunk.filter((entry) => statusAt(entry, records.now()) === "expired");
      const done = await Promise.all(overdue.map((entry) => markExpired(records, entry, signal)));
      marked += done.filter(Boolean).length;
    }
  }
  return marked;
}

/** Whether it was marked now: it may be claimed, marked by another sweeper or erased meanwhile. */
async function markExpired(records: ApprovalRecords, entry: IndexEntry, signal: Signal): Promise<boolean> {
  let marks = false;
  try {
    await records.change(
      entry.place,
      (approval, now) => {
        const expired = expire(approval, now);
        marks = expired !== approval;
        return expired;
      },
      { signal },
    );
  } catch (error) {
    if (!isStateError(error, "NOT_FOUND")) throw error;
    await records.index.drop(entry);
    return false;
  }
  return marks;
}

/** Those that have one of these statuses now, status by status, by tenant, oldest first. */
export async function* recover(
  records: ApprovalRecords,
  scope: MaintenanceScope,
  statuses: readonly ApprovalStatus[],
  signal: Signal,
): AsyncGenerator<Approval, void, undefined> {
  for (const status of statuses) {
    for await (const chunk of chunks(records.index.scan(scope, status, signal))) {
      const now = records.now();
      const promising = chunk.filter((entry) => statusAt(entry, now) === status);
      const read = await Promise.all(promising.map((entry) => readEntry(records, entry, now, signal)));
      for (const approval of read) if (approval?.status === status) yield approval;
    }
  }
}

async function* chunks<T>(all: AsyncIterable<T>): AsyncGenerator<T[], void, undefined> {
  let chunk: T[] = [];
  for await (const one of all) {
    chunk.push(one);
    if (chunk.length < CHUNK) continue;
    yield chunk;
    chunk = [];
  }
  yield chunk;
}
