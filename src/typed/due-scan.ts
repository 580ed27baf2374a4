import { isStateError } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type {
  MaintenanceScope,
  RecordHeader,
  RecordKey,
  ScanOptions,
  StateRecord,
  StateStore,
  WithoutBytes,
} from "../contract/store.js";
import { timeKey } from "./time.js";

/**
 * Which entries of an index by time are due. The kind of an entry is a prefix, `timeKey` of its time, a dot, and what makes it
 * unique.
 */
export interface DueWindow {
  /** Those up to this time, in milliseconds since 1970. */
  readonly until: number;
  /** And those later than this one, which a clock wrote that was ahead. Absent: none. */
  readonly ahead?: number | undefined;
}

/** Some due entries, by tenant, the oldest first. */
export interface DuePage<R> {
  readonly due: readonly R[];
  /** Where to go on; absent at the end. */
  readonly next?: RecordKey;
}

type PageOptions = Omit<ScanOptions, "limit"> & { readonly limit: number };

/** Nothing else begins with a kind's prefix and this: times begin with a digit. */
const PAST_ALL = "~";

/** After all entries of this time and before all later ones: entries have a dot here, and the slash comes next. */
export function dueEnd(time: number): string {
  return `${timeKey(Math.min(time, LIMITS.latest))}/`;
}

/** Behind all entries of a tenant. */
export function pastTenant(tenant: string, prefix: string): RecordKey {
  return { identity: { tenant, user: PAST_ALL, session: PAST_ALL }, kind: prefix + PAST_ALL };
}

/**
 * One page of entries across identities, those that are due. It leaps over what is not due: a call costs as much for a
 * tenant of whose million entries none is due as for one that has none. CORRUPT, naming the first entry that was not read.
 */
export async function duePage(
  store: StateStore,
  scope: MaintenanceScope,
  prefix: string,
  window: DueWindow,
  options: WithoutBytes<PageOptions>,
): Promise<DuePage<RecordHeader>>;
export async function duePage(
  store: StateStore,
  scope: MaintenanceScope,
  prefix: string,
  window: DueWindow,
  options: PageOptions,
): Promise<DuePage<StateRecord>>;
export async function duePage(
  store: StateStore,
  scope: MaintenanceScope,
  prefix: string,
  window: DueWindow,
  options: PageOptions | WithoutBytes<PageOptions>,
): Promise<DuePage<RecordHeader>> {
  const { limit } = options;
  let page: readonly RecordHeader[];
  try {
    page = await store.listKind(scope, prefix, options as PageOptions);
  } catch (error) {
    if (limit === 1 || !isStateError(error, "CORRUPT")) throw error;
    // A smaller page reaches the entries before the damaged one.
    return duePage(store, scope, prefix, window, { ...(options as PageOptions), limit: limit >> 1 });
  }
  const [end, ahead] = [dueEnd(window.until), window.ahead === undefined ? undefined : dueEnd(window.ahead)];
  const isDue = ({ kind }: RecordKey) => {
    const position = kind.slice(prefix.length);
    return position < end || (ahead !== undefined && position >= ahead);
  };
  const due = page.filter(isDue);
  const last = page.at(-1);
  if (last === undefined || page.length < limit) return { due };
  if (isDue(last)) return { due, next: { identity: last.identity, kind: last.kind } };
  const past = pastTenant(last.identity.tenant, prefix);
  return { due, next: ahead === undefined ? past : { ...past, kind: prefix + ahead } };
}

/** A tenant may have nothing that is due, so the first page is small. The next ones grow while all of them is due. */
const FIRST_PAGE = 16;
const LAST_PAGE = 500;
const GROWTH = 4;

/** Yields all due entries: by tenant, the oldest first. CORRUPT after all entries before the damaged one. */
export async function* scanDueEntries(
  store: StateStore,
  scope: MaintenanceScope,
  prefix: string,
  window: DueWindow,
  options: Pick<ScanOptions, "after" | "signal">,
): AsyncGenerator<StateRecord, void, undefined> {
  let limit = FIRST_PAGE;
  for (let range = options; ; ) {
    const { due, next } = await duePage(store, scope, prefix, window, { ...range, limit });
    yield* due;
    if (next === undefined) return;
    limit = due.length < limit ? FIRST_PAGE : Math.min(limit * GROWTH, LAST_PAGE);
    range = { ...options, after: next };
  }
}
