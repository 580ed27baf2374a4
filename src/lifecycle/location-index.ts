import type { Identity, MaintenanceScope, RecordKey, StateStore } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { scanKind } from "../store/scan-kind.js";
import { type Cell, corruptRecord, decodeRecord } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import { Collection, type Item, type ItemsOptions } from "../typed/collection.js";
import type { DamageLog, PageBounds } from "../typed/damage.js";
import { digestOf, itemPrefix } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import {
  digestOfKey,
  type Entry,
  type EntryPage,
  keyOf,
  type Pointer,
  pointerTo,
  readPointer,
} from "./pointer.js";
import type { LifecycleKey } from "./stored.js";

type Signal = AbortSignal | undefined;

const CODEC = mappedJson<Pointer>({ write: (pointer) => ({ ...pointer }), read: readPointer });

interface LocationEntry extends Entry {
  readonly position: string;
}

interface LocationRange {
  readonly after?: string | undefined;
  readonly limit: number;
  readonly signal: Signal;
}

/** Index of records by their id alone, under their tenant. An entry is written with its record, and removed with it. */
export class LocationIndex {
  readonly #store: StateStore;
  readonly #name: string;
  readonly #entries: Collection<Pointer>;

  constructor(store: StateStore, name: string) {
    this.#store = store;
    this.#name = `${name}.id`;
    this.#entries = new Collection(store, this.#name, { codec: CODEC });
  }

  async write(transaction: Transaction, key: LifecycleKey, createdAt: number): Promise<void> {
    await transaction.set(this.cell(key, createdAt), pointerTo(key));
  }

  cell(key: LifecycleKey, createdAt: number): Cell<Pointer> {
    const id = `${digestOf(key.id)}/${timeKey(createdAt)}.${digestOfKey(key)}`;
    return this.#entries.at(tenantIdentity(key.identity.tenant), id);
  }

  /** The entries of an id, the newest first. CORRUPT. */
  async of(tenant: Identity, id: string, { after, limit, signal }: LocationRange): Promise<EntryPage<Entry>> {
    const bounds = after === undefined ? {} : { before: after };
    const prefix = `${digestOf(id)}/`;
    return pageOf(limit, await this.#list(tenant, { ...bounds, prefix, reverse: true, limit, signal }));
  }

  /** All entries of a tenant, past damaged ones. */
  async page(
    tenant: Identity,
    { after, limit, signal }: LocationRange,
    damage: DamageLog,
  ): Promise<EntryPage<Entry>> {
    const bounds = { ...(after === undefined ? {} : { after }), reverse: false, limit };
    const read = (range: PageBounds) => this.#list(tenant, { ...range, signal });
    return pageOf(limit, await damage.page(itemPrefix(this.#name), bounds, read));
  }

  async #list(tenant: Identity, range: ItemsOptions): Promise<LocationEntry[]> {
    return (await this.#entries.list(tenant, range)).map((item) => this.#entryOf(tenant, item));
  }

  /** All entries. Skips damaged ones. */
  scan(scope: MaintenanceScope, damage: DamageLog, signal: Signal): AsyncGenerator<Entry, void, undefined> {
    return damage.skipping((range) => this.#scanFrom(scope, { ...range, signal }));
  }

  async *#scanFrom(
    scope: MaintenanceScope,
    range: { readonly after?: RecordKey; readonly signal: Signal },
  ): AsyncGenerator<Entry, void, undefined> {
    const prefix = itemPrefix(this.#name);
    for await (const record of scanKind(this.#store, scope, prefix, range)) {
      const { identity, kind, eventId } = record;
      const value = await decodeRecord(CODEC, record);
      yield this.#entryOf(tenantIdentity(identity.tenant), { id: kind.slice(prefix.length), value, eventId });
    }
  }

  /** CORRUPT for an entry that points at another record. */
  #entryOf(
    owner: Identity,
    { id, value, eventId }: Pick<Item<Pointer>, "id" | "value" | "eventId">,
  ): LocationEntry {
    const key = keyOf(owner.tenant, value);
    const createdAt = Date.parse(id.slice(id.indexOf("/") + 1, id.lastIndexOf(".")));
    const cell = this.#entries.at(owner, id);
    if (Number.isNaN(createdAt) || this.cell(key, createdAt).kind !== cell.kind)
      throw corruptRecord(cell, "an entry of an index points at another record");
    return { key, createdAt, position: id, cell, eventId };
  }
}

function pageOf(limit: number, entries: readonly LocationEntry[]): EntryPage<Entry> {
  return { entries, next: entries.length < limit ? undefined : entries.at(-1)?.position };
}
