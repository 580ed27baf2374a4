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
  /** Only these; expired are those whose time is over, whether or not anybody marked them. Default all. */
  readonly status?: ApprovalStatus | readonly ApprovalStatus[];
  /** 1 to 1,000. Default 50. */
  readonly limit?: number;
  /** Where the page before ended: its `next`. The first page without it, or where it is `undefined`. */
  readonly after?: string | undefined;
}

/** A page of approvals. */
export interface ApprovalPage {
  /** Newest first. */
  readonly approvals: readonly Approval[];
  /** Where to go on from. Missing when this is the end. */
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
/** Entries read at once at least: some are passed over. */
const MIN_PAGE_SIZE = 50;
const CURSOR_PATTERN = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\.[\w-]{22}$/;

/** A session, or a tenant that is said to be one: a forgotten user or session is refused. */
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

/** Approvals with one of these statuses, as they are at one moment. CORRUPT where one is damaged. */
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
    // One more than asked for tells whether there is a next page.
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

/** What is stored under other statuses while its time is over is expired. */
function storedStatuses(statuses: readonly ApprovalStatus[]): readonly ApprovalStatus[] {
  return statuses.includes("expired")
    ? readStatuses([...statuses, "pending", "approved"], STATUSES)
    : statuses;
}

/** The newest entries of all these statuses, down to `end`; all that there are when it is missing. */
async function newestEntries(
  { index }: ApprovalRecords,
  where: Where,
  statuses: readonly ApprovalStatus[],
  range: { before: string | undefined; limit: number; signal: AbortSignal | undefined },
): Promise<{ readonly entries: IndexEntry[]; readonly end: string | undefined }> {
  const pages: IndexEntry[][] = [];
  // One after the other: read at once, one that moves on meanwhile could be missed under both.
  for (const status of statuses) pages.push(await index.newest(where, status, range));
  const ends = pages
    .filter(({ length }) => length === range.limit)
    .map((page) => page.at(-1)?.position as string);
  const end = ends.sort().at(-1);
  return { entries: mergeEntries(pages).filter(({ position }) => end === undefined || position >= end), end };
}

/** The approval of an entry as it is now; `undefined` where its session was erased. */
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
    // Nothing that is read depends on it: it can be removed when the store can be written again.
    if (!isStateError(error, "UNAVAILABLE")) throw error;
  }
  return undefined;
}

/**
 * Removes an entry unless its approval is there. It is looked for once more, by whatever record lies in its place: if
 * that is not so when the entry goes, the entry stays.
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

/** What an entry was made for; `undefined` where its session was erased. */
export async function findEntry(
  records: ApprovalRecords,
  entry: IndexEntry,
  signal: AbortSignal | undefined,
): Promise<StoredApproval | undefined> {
  const stored = await records.find(entry.key, { signal });
  return stored !== undefined && isEntryOf(entry, stored) ? stored : undefined;
}
