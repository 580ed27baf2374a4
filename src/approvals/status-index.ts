import { isStateError } from "../contract/errors.js";
import type {
  EventId,
  Identity,
  MaintenanceScope,
  RecordKey,
  SessionIdentity,
  StateStore,
} from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { compareText } from "../rules/order.js";
import { scanKind } from "../store/scan-kind.js";
import { decodeRecord } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import { Collection, type Item } from "../typed/collection.js";
import { deleteIfOrphaned, type FoundOwner } from "../typed/delete-if-orphaned.js";
import { digestOf, itemPrefix, readScopedId } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { readObject } from "../validation/validate.js";
import { readName } from "../validation/validate-text.js";
import type { ApprovalStatus } from "./approval.js";
import type { DamageLog } from "./damage.js";
import { type ApprovalKey, readTime, type StoredApproval } from "./stored-approval.js";

type Signal = AbortSignal | undefined;

/** Whose approvals to list: those of a session, or of a whole tenant. */
export type Where = SessionIdentity | { readonly tenant: string };

/** An index entry: the status of an approval when the entry was read. */
export interface IndexEntry extends Pick<StoredApproval, "status" | "expiresAt"> {
  readonly key: ApprovalKey;
  /** The time of the request and a digest that makes it unique. It is the same under every status. */
  readonly position: string;
  readonly identity: Identity;
  readonly eventId: EventId;
}

interface Pointer {
  readonly user: string;
  readonly session: string;
  readonly id: string;
  readonly expiresAt: number;
}

const POINTER_CODEC = mappedJson<Pointer>({
  write: (pointer) => ({ ...pointer }),
  read(value) {
    const { user, session, id, expiresAt } = readObject(value, "pointer") as Record<string, unknown>;
    return {
      user: readName(user, "user"),
      session: readName(session, "session"),
      id: readScopedId(id, "id"),
      expiresAt: readTime(expiresAt, "expiresAt"),
    };
  },
});
const SESSION_INDEX = "approval.session";
const TENANT_INDEX = "approval.tenant";

/** Index of approvals by status and time of request. Each approval has an entry under its session and one under its tenant. */
export class StatusIndex {
  readonly #store: StateStore;
  readonly #ofSession: Collection<Pointer>;
  readonly #ofTenant: Collection<Pointer>;

  constructor(store: StateStore) {
    this.#store = store;
    this.#ofSession = new Collection(store, SESSION_INDEX, { codec: POINTER_CODEC });
    this.#ofTenant = new Collection(store, TENANT_INDEX, { codec: POINTER_CODEC });
  }

  /** Replaces the entries of an approval. */
  async move(
    transaction: Transaction,
    key: ApprovalKey,
    before: StoredApproval | undefined,
    now: StoredApproval,
  ): Promise<void> {
    if (before !== undefined) for (const cell of this.#cells(key, before)) transaction.delete(cell);
    const { user, session } = key.identity;
    const pointer = { user, session, id: key.id, expiresAt: now.expiresAt };
    await Promise.all(this.#cells(key, now).map((cell) => transaction.set(cell, pointer)));
  }

  /** The newest entries of a status before a position, the newest first. */
  async newest(
    where: Where,
    status: ApprovalStatus,
    { before, limit, signal }: { before: string | undefined; limit: number; signal: Signal },
  ): Promise<IndexEntry[]> {
    const [collection, identity] =
      "session" in where
        ? [this.#ofSession, where]
        : ([this.#ofTenant, tenantIdentity(where.tenant)] as const);
    const prefix = `${status}/`;
    const range = before === undefined ? {} : { before: prefix + before };
    const items = await collection.list(identity, { prefix, ...range, reverse: true, limit, signal });
    return items.map((item) => entryOf(identity, status, item));
  }

  /** All entries of a status, by tenant, the oldest first. Skips damaged entries. */
  async *scan(
    scope: MaintenanceScope,
    status: ApprovalStatus,
    damage: DamageLog,
    signal: Signal,
  ): AsyncGenerator<IndexEntry, void, undefined> {
    let from: { after?: RecordKey } = {};
    for (;;) {
      try {
        yield* this.#scanFrom(scope, status, { ...from, signal });
        return;
      } catch (error) {
        const after = damage.add(error);
        if (after === undefined) throw error;
        from = { after };
      }
    }
  }

  async *#scanFrom(
    scope: MaintenanceScope,
    status: ApprovalStatus,
    range: { readonly after?: RecordKey; readonly signal: Signal },
  ): AsyncGenerator<IndexEntry, void, undefined> {
    const prefix = itemPrefix(TENANT_INDEX);
    for await (const record of scanKind(this.#store, scope, `${prefix}${status}/`, range)) {
      const { identity, kind, eventId } = record;
      const value = await decodeRecord(POINTER_CODEC, record);
      yield entryOf(identity, status, { id: kind.slice(prefix.length), value, eventId });
    }
  }

  /** Removes an entry whose approval was not found, unless the approval's slot has changed from `owner`. */
  async removeOrphan(entry: IndexEntry, owner: FoundOwner): Promise<void> {
    try {
      await deleteIfOrphaned(this.#store, { ...this.#cellOf(entry), eventId: entry.eventId }, owner);
    } catch (error) {
      // The next reader of the entry removes it.
      if (!isStateError(error, "OUTCOME_UNKNOWN")) throw error;
    }
  }

  /** Removes both entries of an approval. Returns false if this entry is gone. */
  async removeBoth(transaction: Transaction, entry: IndexEntry): Promise<boolean> {
    if ((await transaction.get(this.#cellOf(entry))) === undefined) return false;
    const requestedAt = Date.parse(entry.position.slice(0, entry.position.lastIndexOf(".")));
    for (const cell of this.#cells(entry.key, { status: entry.status, requestedAt }))
      transaction.delete(cell);
    transaction.delete(this.#cellOf(entry));
    return true;
  }

  #cellOf({ key, identity, status, position }: IndexEntry) {
    const collection = identity.session === key.identity.session ? this.#ofSession : this.#ofTenant;
    return collection.at(identity, `${status}/${position}`);
  }

  #cells(
    { identity, id }: ApprovalKey,
    { status, requestedAt }: Pick<StoredApproval, "status" | "requestedAt">,
  ) {
    const { tenant, user, session } = identity;
    const at = `${status}/${timeKey(requestedAt)}`;
    return [
      this.#ofSession.at(identity, `${at}.${digestOf(id)}`),
      this.#ofTenant.at(tenantIdentity(tenant), `${at}.${digestOf(user, session, id)}`),
    ];
  }
}

/** Whether the entry belongs to this approval, and not to an erased one that had the same id. */
export function isEntryOf(
  { position }: IndexEntry,
  { requestedAt }: Pick<StoredApproval, "requestedAt">,
): boolean {
  return position.startsWith(`${timeKey(requestedAt)}.`);
}

/** Merges pages, the newest first. An approval that appears under several statuses keeps the one that was read last. */
export function mergeEntries(pages: readonly (readonly IndexEntry[])[]): IndexEntry[] {
  const byPosition = new Map(pages.flat().map((entry) => [entry.position, entry]));
  return [...byPosition.values()].sort((a, b) => compareText(b.position, a.position));
}

function entryOf(
  identity: Identity,
  status: ApprovalStatus,
  { id: entry, value, eventId }: Pick<Item<Pointer>, "id" | "value" | "eventId">,
): IndexEntry {
  const { user, session, id, expiresAt } = value;
  const key = { identity: { tenant: identity.tenant, user, session }, id };
  return { key, status, expiresAt, position: entry.slice(status.length + 1), identity, eventId };
}
