import { recordsUnder } from "../content/paging.js";
import type { Identity, RecordHeader, StateRecord, StateStore } from "../contract/store.js";
import { maintenanceScope } from "../identity/scope.js";
import { scanKind } from "../store/scan-kind.js";
import { isTenant } from "./owners.js";
import type { SessionStatus } from "./session.js";
import { fieldListOf, listOf, readEntry, type SessionList } from "./session-lists.js";

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
  const { status, pinned, fields, signal } = query;
  const [field, ...others] = fields;
  const list = field === undefined ? listOf("updatedAt", pinned === true) : fieldListOf("updatedAt", field);
  const isExact = status === undefined && others.length === 0 && (pinned === undefined || list.isOfPinned);
  if (isExact && !isTenant(owner)) return store.count(owner, list.prefix, { signal });
  let count = 0;
  if (isExact) for await (const _ of headersOf(store, owner, list, signal)) count++;
  else
    for await (const record of recordsOf(store, owner, list, signal)) {
      const entry = await readEntry(list, record);
      const own = entry.fields ?? [];
      const isWanted =
        (status === undefined || entry.isClosed === (status === "closed")) &&
        (pinned === undefined || entry.isPinned === pinned) &&
        others.every((other) => own.includes(other));
      if (isWanted) count++;
    }
  return count;
}

function headersOf(
  store: StateStore,
  { tenant }: Identity,
  { prefix }: SessionList,
  signal: AbortSignal | undefined,
): AsyncGenerator<RecordHeader> {
  const scope = maintenanceScope({ reason: "counts the sessions of a tenant", tenant });
  return scanKind(store, scope, prefix, { signal, bytes: false, pageSize: PAGE_SIZE });
}

async function* recordsOf(
  store: StateStore,
  owner: Identity,
  { prefix }: SessionList,
  signal: AbortSignal | undefined,
): AsyncGenerator<StateRecord> {
  if (isTenant(owner)) {
    const scope = maintenanceScope({ reason: "counts the sessions of a tenant", tenant: owner.tenant });
    yield* scanKind(store, scope, prefix, { signal, pageSize: PAGE_SIZE });
    return;
  }
  for await (const page of recordsUnder(store, owner, prefix, { signal }, PAGE_SIZE)) yield* page;
}
