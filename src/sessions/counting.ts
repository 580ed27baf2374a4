import { recordsUnder } from "../content/paging.js";
import type { Identity, StateRecord, StateStore } from "../contract/store.js";
import { maintenanceScope } from "../identity/scope.js";
import { scanKind } from "../store/scan-kind.js";
import type { SessionStatus } from "./activity.js";
import { isTenant } from "./owners.js";
import {
  type FoundEntry,
  fieldListOf,
  kindsOf,
  listOf,
  nameOf,
  partsOf,
  readEntry,
  type SessionList,
} from "./session-lists.js";

/** What is counted. */
export interface CountQuery {
  readonly status: SessionStatus | undefined;
  readonly pinned: boolean | undefined;
  /** The keys of fields that sessions must have. */
  readonly fields: readonly string[];
  readonly signal: AbortSignal | undefined;
}

const PAGE_SIZE = 1_000;

/** Counts the sessions of a user, or of a tenant. What one list says alone is counted without reading an entry. */
export async function countSessions(store: StateStore, owner: Identity, query: CountQuery): Promise<number> {
  const { status, pinned, fields } = query;
  const [field, ...others] = fields;
  const list = field === undefined ? listOf("updatedAt", pinned === true) : fieldListOf("updatedAt", field);
  const isExact = others.length === 0 && (pinned === undefined || list.isOfPinned);
  if (isExact && !isTenant(owner)) return countList(store, owner, list, query);
  let count = 0;
  if (isExact) for await (const isOf of ofTenant(store, owner, list, query)) count += isOf ? 1 : 0;
  else
    for await (const record of recordsOf(store, owner, list, query)) {
      const entry = await readEntry(list, record);
      const own = entry.fields ?? [];
      const isWanted =
        isOfStatus(entry, status) &&
        (pinned === undefined || entry.isPinned === pinned) &&
        others.every((other) => own.includes(other));
      if (isWanted) count++;
    }
  return count;
}

/** The entries of one list of a user, in one statement. */
function countList(store: StateStore, user: Identity, list: SessionList, { status, signal }: CountQuery) {
  const [part, other] = partsOf(list, status) as [string, string?];
  return other === undefined
    ? store.count(user, part, { signal })
    : store.count(user, nameOf(list), { ...kindsOf(list), signal });
}

/** Of each entry of one list of a tenant, whether it is wanted. Only entries of versions before 0.5 are read for that. */
async function* ofTenant(
  store: StateStore,
  { tenant }: Identity,
  list: SessionList,
  { status, signal }: CountQuery,
): AsyncGenerator<boolean> {
  const scope = maintenanceScope({ reason: COUNTS, tenant });
  const options = { signal, bytes: false, pageSize: PAGE_SIZE } as const;
  for (const part of partsOf(list, status))
    for await (const { identity, kind, version } of scanKind(store, scope, part, options)) {
      const isOld = version === 0 && status !== undefined;
      const entry = isOld ? await store.find(identity, kind, { signal }) : undefined;
      yield entry === undefined ? !isOld : isOfStatus(await readEntry(list, entry), status);
    }
}

async function* recordsOf(
  store: StateStore,
  owner: Identity,
  list: SessionList,
  { status, signal }: CountQuery,
): AsyncGenerator<StateRecord> {
  for (const part of partsOf(list, status)) {
    if (isTenant(owner)) {
      const scope = maintenanceScope({ reason: COUNTS, tenant: owner.tenant });
      yield* scanKind(store, scope, part, { signal, pageSize: PAGE_SIZE });
    } else for await (const page of recordsUnder(store, owner, part, { signal }, PAGE_SIZE)) yield* page;
  }
}

const COUNTS = "counts the sessions of a tenant";

function isOfStatus({ isClosed }: Pick<FoundEntry, "isClosed">, status: SessionStatus | undefined): boolean {
  return status === undefined || isClosed === (status === "closed");
}
