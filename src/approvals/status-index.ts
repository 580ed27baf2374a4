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

/** Whose approvals are looked for: those of a session, or of a whole tenant. */
export type Where = SessionIdentity | { readonly tenant: string };

/** That an approval has a status, as it was when this was read. */
export interface IndexEntry extends Pick<StoredApproval, "status" | "expiresAt"> {
  readonly key: ApprovalKey;
  /** When it was asked for, and what tells it apart from others of that moment: the same under every status. */
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

/** Which approvals have which status, by the time they were asked for: once per session and once per tenant. */
export class StatusIndex {
  readonly #store: StateStore;
  readonly #ofSession: Collection<Pointer>;
  readonly #ofTenant: Collection<Pointer>;

  constructor(store: StateStore) {
    this.#store = store;
    this.#ofSession = new Collection(store, SESSION_INDEX, { codec: POINTER_CODEC });
    this.#ofTenant = new Collection(store, TENANT_INDEX, { codec: POINTER_CODEC });
  }

  /** Writes the entries of an approval, in place of those it had before. */
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

  /** The newest of one status, newest first, before a position. */
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

  /** All of one status, by tenant, oldest first; over damaged entries it goes on. */
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

  /** Removes an entry whose approval was not found, if it is not there: the `owner` is what was found in its place. */
  async removeOrphan(entry: IndexEntry, owner: FoundOwner): Promise<void> {
    try {
      await deleteIfOrphaned(this.#store, { ...this.#cellOf(entry), eventId: entry.eventId }, owner);
    } catch (error) {
      // Whoever meets it next removes it.
      if (!isStateError(error, "OUTCOME_UNKNOWN")) throw error;
    }
  }

  /** Removes both entries of an approval; false where this one is not there any more. */
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

/** Whether an entry was made for this approval, and not for one that was erased and whose id was used again. */
export function isEntryOf(
  { position }: IndexEntry,
  { requestedAt }: Pick<StoredApproval, "requestedAt">,
): boolean {
  return position.startsWith(`${timeKey(requestedAt)}.`);
}

/** Newest first, each once: of several statuses the later one, for it was read last. */
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
