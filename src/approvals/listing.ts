import { invalid, isStateError } from "../contract/errors.js";
import type { CallOptions, SessionIdentity } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { copySession } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import { readLimit, readNamed, readOneOf, readOptions, readSignal } from "../validation/validate.js";
import { type Approval, type ApprovalStatus, STATUSES } from "./approval.js";
import type { ApprovalRecords } from "./records.js";
import { type IndexEntry, isEntryOf, mergeEntries, type Where } from "./status-index.js";
import { approvalOf, type StoredApproval, statusAt } from "./stored-approval.js";

/** Which approvals `list` returns. */
export interface ListApprovalsOptions extends CallOptions {
  /** Only these statuses. `expired` includes approvals that nobody has marked yet. Default all. */
  readonly status?: ApprovalStatus | readonly ApprovalStatus[];
  /** 1 to 1,000. Default 50. */
  readonly limit?: number;
  /** The `next` of the previous page. Absent or `undefined`: the first page. */
  readonly after?: string | undefined;
}

/** A page of approvals. */
export interface ApprovalPage {
  /** Newest first. */
  readonly approvals: readonly Approval[];
  /** The cursor of the next page. Absent on the last page. */
  readonly next?: string;
}

export interface Query {
  readonly statuses: readonly ApprovalStatus[];
  readonly limit: number;
  readonly after: string | undefined;
  readonly signal: AbortSignal | undefined;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1000;
/** Entries read beyond the limit, because some are left out. */
const MIN_PAGE_SIZE = 50;
const CURSOR_PATTERN = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\.[\w-]{22}$/;

/** Reads a session or a tenant. A tenant must be passed alone, so that an incomplete session is refused. */
export function readWhere(where: Where): Where {
  if (typeof where === "object" && where !== null && ("user" in where || "session" in where)) {
    return copySession(where as SessionIdentity);
  }
  const { tenant } = readNamed(where, "where", ["tenant"]) as { tenant: string };
  return { tenant: tenantIdentity(tenant).tenant };
}

export function readQuery(options: ListApprovalsOptions | undefined): Query {
  const given: ListApprovalsOptions = { ...readOptions(options, ["status", "limit", "after", "signal"]) };
  return {
    statuses: "status" in given ? readStatuses(given.status, STATUSES) : STATUSES,
    limit: "limit" in given ? readLimit(given.limit, MAX_LIMIT) : DEFAULT_LIMIT,
    after: given.after === undefined ? undefined : readCursor(given.after),
    signal: readSignal(given),
  };
}

/** One status or several, in the order of `STATUSES`. */
export function readStatuses(value: unknown, known: readonly ApprovalStatus[]): ApprovalStatus[] {
  const given = Array.from(Array.isArray(value) ? value : [value], (status) =>
    readOneOf(status, "status", known),
  );
  if (given.length === 0) throw invalid("status", "left out, a status or several");
  return known.filter((status) => given.includes(status));
}

function readCursor(value: unknown): string {
  if (typeof value !== "string" || !CURSOR_PATTERN.test(value)) throw invalid("after", "the next of a page");
  return value;
}

/** Returns a page of approvals with one of the statuses, as of one time. CORRUPT where one is damaged. */
export async function listApprovals(
  records: ApprovalRecords,
  where: Where,
  { statuses, limit, after, signal }: Query,
): Promise<ApprovalPage> {
  const now = records.now();
  const hasStatus = (known: Pick<IndexEntry, "status" | "expiresAt">) =>
    statuses.includes(statusAt(known, now));
  const found: { readonly position: string; readonly approval: Approval }[] = [];
  let before: string | undefined = after;
  do {
    const page = await newestEntries(records, where, storedStatuses(statuses), {
      before,
      limit: MIN_PAGE_SIZE + limit,
      signal,
    });
    const matching = page.entries.filter(hasStatus);
    // One more than the limit shows whether there is a next page.
    const chosen = matching.slice(0, limit + 1 - found.length);
    const read = await Promise.all(chosen.map((entry) => readEntry(records, entry, now, signal)));
    for (const [index, approval] of read.entries()) {
      const { position } = chosen[index] as IndexEntry;
      if (approval !== undefined && statuses.includes(approval.status)) found.push({ position, approval });
    }
    before = chosen.length < matching.length ? chosen.at(-1)?.position : page.end;
  } while (before !== undefined && found.length <= limit);
  const approvals = found.slice(0, limit).map(({ approval }) => approval);
  return found.length > limit ? { approvals, next: found[limit - 1]?.position as string } : { approvals };
}

/** Expired approvals may still be stored as pending or approved. */
function storedStatuses(statuses: readonly ApprovalStatus[]): readonly ApprovalStatus[] {
  return statuses.includes("expired")
    ? readStatuses([...statuses, "pending", "approved"], STATUSES)
    : statuses;
}

/** The newest entries of all these statuses, down to the position `end`; all entries if `end` is absent. */
async function newestEntries(
  { index }: ApprovalRecords,
  where: Where,
  statuses: readonly ApprovalStatus[],
  range: { before: string | undefined; limit: number; signal: AbortSignal | undefined },
): Promise<{ readonly entries: IndexEntry[]; readonly end: string | undefined }> {
  const pages: IndexEntry[][] = [];
  // Statuses are read in order: in parallel, an approval that changes meanwhile could be missed under both statuses.
  for (const status of statuses) pages.push(await index.newest(where, status, range));
  const ends = pages
    .filter(({ length }) => length === range.limit)
    .map((page) => page.at(-1)?.position as string);
  const end = ends.sort().at(-1);
  return { entries: mergeEntries(pages).filter(({ position }) => end === undefined || position >= end), end };
}

/** The current approval of an entry; `undefined` if its session was erased. */
export async function readEntry(
  records: ApprovalRecords,
  entry: IndexEntry,
  now: number,
  signal: AbortSignal | undefined,
): Promise<Approval | undefined> {
  const stored = await findEntry(records, entry, signal);
  if (stored !== undefined) return approvalOf(entry.key, stored, now);
  try {
    await dropOrphan(records, entry, signal);
  } catch (error) {
    // The result does not depend on the removal. A later call removes the entry when the store is writable again.
    if (!isStateError(error, "UNAVAILABLE")) throw error;
  }
  return undefined;
}

/**
 * Removes an entry whose approval is gone. Reads the approval's slot once more and removes the entry on the condition
 * that the slot does not change until the commit.
 */
export async function dropOrphan(
  records: ApprovalRecords,
  entry: IndexEntry,
  signal: AbortSignal | undefined,
): Promise<void> {
  const cell = records.cell(entry.key);
  const found = await findCell(records.store, cell, { signal });
  if (found !== undefined && isEntryOf(entry, found.value)) return;
  await records.index.removeOrphan(entry, { ...cell, eventId: found?.eventId ?? null });
}

/** The stored approval of an entry; `undefined` if its session was erased. */
export async function findEntry(
  records: ApprovalRecords,
  entry: IndexEntry,
  signal: AbortSignal | undefined,
): Promise<StoredApproval | undefined> {
  const stored = await records.find(entry.key, { signal });
  return stored !== undefined && isEntryOf(entry, stored) ? stored : undefined;
}
