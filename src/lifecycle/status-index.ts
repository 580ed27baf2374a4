import { isDeepStrictEqual } from "node:util";
import { isStateError } from "../contract/errors.js";
import type {
  Identity,
  MaintenanceScope,
  RecordKey,
  SessionIdentity,
  StateRecord,
  StateStore,
} from "../contract/store.js";
import { tenantIdentity, userIdentity } from "../identity/identity.js";
import { compareText } from "../rules/order.js";
import { scanKind } from "../store/scan-kind.js";
import { corruptRecord, decodeRecord } from "../typed/cell.js";
import type { Codec } from "../typed/codec.js";
import { Collection, type Item } from "../typed/collection.js";
import type { DamageLog, PageBounds } from "../typed/damage.js";
import { digestOf, itemPrefix, readShapeName } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import type { Owner } from "./declaration.js";
import type { Declared } from "./declared.js";
import type { FieldValue } from "./options.js";
import { digestOfKey, type Entry, keyOf, pointerTo } from "./pointer.js";
import { type Groups, type StatusPointer, statusPointerCodec } from "./status-pointer.js";
import type { LifecycleKey, LifecycleState, Whole } from "./stored.js";

type Signal = AbortSignal | undefined;

/** An entry of a list: the status of a record when the entry was read. */
export interface IndexEntry<Status extends string = string> extends Entry {
  readonly status: Status;
  readonly expiresAt?: number;
  /** The time of creation and a digest that makes it unique. It is the same under every status. */
  readonly position: string;
  /** Absent where the entry was written before the lists got their fields. */
  readonly groups?: Groups;
  /** Retention has removed the payload of the record. */
  readonly isBare?: boolean;
}

/** The lists of one place, and where their entries are stored. */
interface Place<S, C> {
  readonly under: Owner;
  readonly field: string | undefined;
  readonly value: (content: C, state: S) => string | undefined;
  /** No entries are kept. */
  readonly isFiltered: boolean;
  readonly name: string;
  readonly entries: Collection<StatusPointer>;
}

/** One list: that of an owner, or of one value of a field. */
export interface List {
  readonly under: Owner;
  readonly name: string;
  readonly identity: Identity;
  readonly entries: Collection<StatusPointer>;
  readonly group: string | undefined;
  readonly isNewestFirst: boolean;
  /** Of the list of an owner, only entries of this user, and with these digests of fields. */
  readonly only?: {
    readonly user?: string;
    readonly groups: readonly { readonly field: string; readonly digest: string }[];
  };
}

export interface PageRange {
  readonly after: string | undefined;
  /** Where damaged entries are noted, and passed over. Without it they are CORRUPT. */
  readonly damage?: DamageLog;
  readonly limit: number;
  readonly signal: Signal;
}

/** What the slots of a record's entries are made of. */
type Listed = Pick<IndexEntry, "key" | "status" | "createdAt" | "groups">;

/** Index of records by status and time of creation. A record has an entry in each list that it belongs to. */
export class StatusIndex<S extends LifecycleState, C, V> {
  readonly #store: StateStore;
  readonly #declared: Declared<S, C, V>;
  readonly #codec: Codec<StatusPointer>;
  readonly #places: readonly Place<S, C>[];

  constructor(store: StateStore, declared: Declared<S, C, V>) {
    this.#store = store;
    this.#declared = declared;
    const codec = statusPointerCodec(declared.given.expired !== undefined);
    this.#codec = codec;
    this.#places = declared.given.listedBy.map((place) => {
      const { under } = place;
      const field = "field" in place ? readShapeName(place.field, "field") : undefined;
      const name = [declared.name, under, ...(field === undefined ? [] : [field])].join(".");
      const value = "field" in place ? place.value : () => undefined;
      const isFiltered = place.filtered === true;
      return { under, field, value, isFiltered, name, entries: new Collection(store, name, { codec }) };
    });
  }

  /** Whether records are listed under such owners at all. */
  hasListsOf(under: Owner): boolean {
    return this.#places.some((place) => place.under === under);
  }

  /** The collections of the lists that are kept under such owners. */
  namesUnder(under: Owner): readonly string[] {
    return this.#places.filter((place) => place.under === under && !place.isFiltered).map(({ name }) => name);
  }

  /** The list of an owner, or of what has these values of fields; `undefined` if the lifecycle has none. */
  listOf(identity: Identity, under: Owner, by: readonly FieldValue[] = []): List | undefined {
    const [first] = by;
    const kept = by.length < 2 && this.#place(under, first?.field);
    const isNewestFirst = this.#declared.given.listedFirst !== "oldest";
    if (kept && !kept.isFiltered) {
      const group = first && digestOf(first.value);
      return { under, name: kept.name, identity, entries: kept.entries, group, isNewestFirst };
    }
    if (!this.#place(under, undefined)) return undefined;
    if (!by.every(({ field }) => this.#place(under, field))) return undefined;
    const groups = by.map(({ field, value }) => ({ field, digest: digestOf(value) }));
    if (!this.#place(under, undefined)?.isFiltered) {
      const whole = this.listOf(identity, under) as List;
      return { ...whole, only: { groups } };
    }
    const whole = this.listOf(tenantIdentity(identity.tenant), "tenant") as List;
    return { ...whole, only: { user: identity.user, groups } };
  }

  /** Whether a list holds an entry; `undefined` if its record has to be asked. */
  holds({ only }: List, { key, groups }: Pick<IndexEntry, "key" | "groups">): boolean | undefined {
    if (only === undefined) return true;
    if (only.user !== undefined && only.user !== key.identity.user) return false;
    if (only.groups.length === 0) return true;
    if (this.#declared.given.fieldsAdded && groups === undefined) return undefined;
    return only.groups.every(({ field, digest }) => groups?.[field] === digest);
  }

  #place(under: Owner, field: string | undefined): Place<S, C> | undefined {
    return this.#places.find((place) => place.under === under && place.field === field);
  }

  /** Writes the entries of a record, in place of those it had before. */
  async move(
    transaction: Transaction,
    key: LifecycleKey,
    before: S | undefined,
    now: Whole<S, C>,
  ): Promise<void> {
    const { status, createdAt, expiresAt, payloadRemovedAt } = now.state;
    const groups = this.groupsOf(now);
    const isBare = payloadRemovedAt !== undefined;
    if (before !== undefined) {
      const old = { status: before.status, groups: this.groupsOf({ state: before, content: now.content }) };
      const isAlike = before.expiresAt === expiresAt && (before.payloadRemovedAt !== undefined) === isBare;
      if (isDeepStrictEqual(old, { status, groups }) && isAlike) return;
      for (const cell of this.cellsOf({ key, createdAt, ...old })) transaction.delete(cell);
    }
    const pointer: StatusPointer = {
      ...pointerTo(key),
      ...(this.#declared.given.expired === undefined ? {} : { expiresAt: expiresAt ?? null }),
      // Where fields were added, an entry has to say that its record has none of them.
      ...(this.#declared.given.fieldsAdded || Object.keys(groups).length > 0 ? { groups } : {}),
      ...(isBare && { isBare }),
    };
    const cells = this.cellsOf({ key, status, createdAt, groups });
    await Promise.all(cells.map((cell) => transaction.set(cell, pointer)));
  }

  /** The entries of a status after a position, in the order of the lifecycle's lists. */
  page(list: List, status: S["status"], range: PageRange): Promise<IndexEntry<S["status"]>[]> {
    return this.#page(list, status, range, list.isNewestFirst);
  }

  /**
   * The next entries of several statuses as of one moment, by status. `undefined` where that are more than a page for each,
   * where one is damaged, and for the list of a field's value. Their kinds are a range, in which other statuses may lie.
   */
  async moment(
    list: List,
    statuses: readonly S["status"][],
    { after, limit, signal }: PageRange,
  ): Promise<IndexEntry<S["status"]>[][] | undefined> {
    const { identity, entries, group } = list;
    if (group !== undefined) return undefined;
    const names = [...statuses].sort(compareText);
    const range = { from: prefixOf(names[0] as string, undefined), before: `${names.at(-1)}0` };
    const most = limit * statuses.length;
    const items = await entries.list(identity, { ...range, limit: most, signal }).catch(undefinedIfDamaged);
    if (items === undefined || items.length === most) return undefined;
    return statuses.map((status) => {
      const prefix = prefixOf(status, undefined);
      return items
        .filter(({ id }) => id.startsWith(prefix))
        .map((item) => entryOf(list, { prefix, status }, item))
        .filter(({ position }) => after === undefined || this.compare(list, position, after) > 0);
    });
  }

  /** The same between two positions, the oldest first, whatever the order of the lists is. */
  oldest(list: List, status: S["status"], range: PageRange): Promise<IndexEntry<S["status"]>[]> {
    return this.#page(list, status, range, false);
  }

  async #page(
    list: List,
    status: S["status"],
    { after, limit, damage, signal }: PageRange,
    reverse: boolean,
  ): Promise<IndexEntry<S["status"]>[]> {
    const { identity, entries, name, group } = list;
    const prefix = prefixOf(status, group);
    const from = after === undefined ? {} : { [reverse ? "before" : "after"]: prefix + after };
    const read = async (bounds: PageBounds) => {
      const items = await entries.list(identity, { prefix, ...bounds, signal });
      return items.map((item) => entryOf(list, { prefix, status }, item));
    };
    const bounds = { ...from, reverse, limit };
    return damage === undefined ? read(bounds) : damage.page(itemPrefix(name), bounds, read);
  }

  /** Merges pages in the order of a list. A record that appears under several statuses keeps the entry that was read last. */
  merge(list: List, pages: readonly (readonly IndexEntry<S["status"]>[])[]): IndexEntry<S["status"]>[] {
    const byPosition = new Map(pages.flat().map((entry) => [entry.position, entry]));
    return [...byPosition.values()].sort((a, b) => this.compare(list, a.position, b.position));
  }

  /** Compares positions in the order of a list. */
  compare({ isNewestFirst }: List, a: string, b: string): number {
    return isNewestFirst ? compareText(b, a) : compareText(a, b);
  }

  /** How many entries of a status a list that is kept holds, without reading them. */
  count({ identity, entries, group }: List, status: S["status"], signal: Signal): Promise<number> {
    return entries.count(identity, { prefix: prefixOf(status, group), signal });
  }

  /** All entries of a status, by tenant, the oldest first. Skips damaged entries. */
  scan(
    scope: MaintenanceScope,
    status: S["status"],
    damage: DamageLog,
    signal: Signal,
  ): AsyncGenerator<IndexEntry<S["status"]>, void, undefined> {
    return damage.skipping((range) => this.#scanFrom(scope, status, { ...range, signal }));
  }

  async *#scanFrom(
    scope: MaintenanceScope,
    status: S["status"],
    range: { readonly after?: RecordKey; readonly signal: Signal },
  ): AsyncGenerator<IndexEntry<S["status"]>, void, undefined> {
    for await (const record of scanKind(this.#store, scope, this.tenantPrefix(status), range))
      yield await this.read(record, status);
  }

  /** The prefix of the entries of a status in the lists of tenants. */
  tenantPrefix(status: S["status"]): string {
    return itemPrefix(this.#tenants.name) + prefixOf(status, undefined);
  }

  /** An entry of such a list. CORRUPT. */
  async read(record: StateRecord, status: S["status"]): Promise<IndexEntry<S["status"]>> {
    const { under, name, entries } = this.#tenants;
    const { identity, kind, eventId } = record;
    const id = kind.slice(itemPrefix(name).length);
    const item = { id, value: await decodeRecord(this.#codec, record), eventId };
    return entryOf({ under, identity, entries }, { prefix: prefixOf(status, undefined), status }, item);
  }

  get #tenants(): Place<S, C> {
    return this.#place("tenant", undefined) as Place<S, C>;
  }

  /** Removes an entry, and all entries of its record, which has this status now. */
  removeAll(transaction: Transaction, entry: IndexEntry<S["status"]>, status: S["status"]): void {
    for (const cell of [entry.cell, ...this.cellsOf({ ...entry, status })]) transaction.delete(cell);
  }

  /** The digests of the fields by which a record is listed. */
  groupsOf({ state, content }: Whole<S, C>): Groups {
    const groups: Record<string, string> = {};
    for (const { field, value } of this.#places) {
      const found = field === undefined ? undefined : value(content, state);
      if (field !== undefined && found !== undefined) groups[field] = digestOf(found);
    }
    return groups;
  }

  /** All slots of a record's entries. */
  cellsOf({ key, status, createdAt, groups }: Listed) {
    return this.#places.flatMap(({ under, field, isFiltered, entries }) => {
      if (isFiltered) return [];
      const group = field === undefined ? undefined : groups?.[field];
      if (field !== undefined && group === undefined) return [];
      return [
        entries.at(
          ownerIdentity(under, key.identity),
          `${prefixOf(status, group)}${timeKey(createdAt)}.${digestUnder(under, key)}`,
        ),
      ];
    });
  }
}

/** The identity under which the lists of an owner are stored. */
export function ownerIdentity(under: Owner, identity: SessionIdentity): Identity {
  if (under === "session") return identity;
  return under === "user" ? userIdentity(identity.tenant, identity.user) : tenantIdentity(identity.tenant);
}

function undefinedIfDamaged(error: unknown): undefined {
  if (!isStateError(error, "CORRUPT")) throw error;
}

function prefixOf(status: string, group: string | undefined): string {
  return group === undefined ? `${status}/` : `${status}/${group}/`;
}

/** Makes a position unique in the lists of an owner. */
function digestUnder(under: Owner, key: LifecycleKey): string {
  return under === "session" ? digestOf(key.id) : digestOfKey(key);
}

/** CORRUPT for an entry that points at a record which is none of this list, or not where it lies in it. */
function entryOf<Status extends string>(
  { under, identity, entries }: Pick<List, "under" | "identity" | "entries">,
  { prefix, status }: { readonly prefix: string; readonly status: Status },
  { id, value, eventId }: Pick<Item<StatusPointer>, "id" | "value" | "eventId">,
): IndexEntry<Status> {
  const position = id.slice(prefix.length);
  const dot = position.lastIndexOf(".");
  const key = keyOf(identity.tenant, value);
  const cell = entries.at(identity, id);
  const { user, session } = ownerIdentity(under, key.identity);
  if (
    user !== identity.user ||
    session !== identity.session ||
    position.slice(dot + 1) !== digestUnder(under, key)
  )
    throw corruptRecord(cell, "an entry of a list points at another record");
  return {
    key,
    status,
    ...(typeof value.expiresAt === "number" ? { expiresAt: value.expiresAt } : {}),
    position,
    ...(value.groups === undefined ? {} : { groups: value.groups }),
    ...(value.isBare && { isBare: true }),
    createdAt: Date.parse(position.slice(0, dot)),
    cell,
    eventId,
  };
}
