import type { MaintenanceScope, RecordKey, StateStore } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { scanKind } from "../store/scan-kind.js";
import { decodeRecord } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import { Collection } from "../typed/collection.js";
import { itemPrefix } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { readTime } from "../validation/fields.js";
import { readObject } from "../validation/validate.js";
import type { DamageLog } from "./damage.js";
import { digestOfKey, type Entry, keyOf, type Pointer, pointerTo, readPointer } from "./pointer.js";
import type { LifecycleKey, LifecycleState } from "./stored.js";

type Signal = AbortSignal | undefined;

/** An entry that says from when on somebody should deal with a record. */
export interface DueEntry extends Entry {
  readonly dueAt: number;
  /** The time and a digest that makes it unique. */
  readonly position: string;
}

interface DuePointer extends Pointer {
  readonly createdAt: number;
}

const CODEC = mappedJson<DuePointer>({
  write: (pointer) => ({ ...pointer }),
  read(value) {
    const { createdAt } = readObject(value, "pointer") as Partial<DuePointer>;
    return { ...readPointer(value), createdAt: readTime(createdAt, "createdAt") };
  },
});

/** Index of the records that become due, by the time when they do, with one entry for each under its tenant. */
export class DueIndex<S extends LifecycleState> {
  readonly #store: StateStore;
  readonly #dueOf: (state: S) => number | undefined;
  readonly #name: string;
  readonly #entries: Collection<DuePointer>;

  constructor(store: StateStore, name: string, dueOf: (state: S) => number | undefined) {
    this.#store = store;
    this.#dueOf = dueOf;
    this.#name = `${name}.due`;
    this.#entries = new Collection(store, this.#name, { codec: CODEC });
  }

  /** Writes the entry of a record, in place of the one it had before. */
  async move(transaction: Transaction, key: LifecycleKey, before: S | undefined, now: S): Promise<void> {
    const [from, to] = [before && this.#dueOf(before), this.#dueOf(now)];
    if (from === to) return;
    if (from !== undefined) transaction.delete(this.#cell(key, from));
    if (to !== undefined)
      await transaction.set(this.#cell(key, to), { ...pointerTo(key), createdAt: now.createdAt });
  }

  /** Removes the entry of a record. */
  remove(transaction: Transaction, key: LifecycleKey, state: S): void {
    const dueAt = this.#dueOf(state);
    if (dueAt !== undefined) transaction.delete(this.#cell(key, dueAt));
  }

  /** The entries of a tenant that are due at a time, the oldest first, after a position. */
  async oldest(
    tenant: string,
    {
      until,
      after,
      limit,
    }: { readonly until: number; readonly after: string | undefined; readonly limit: number },
    signal: Signal,
  ): Promise<DueEntry[]> {
    const owner = tenantIdentity(tenant);
    const items = await this.#entries.list(owner, { after, before: endOf(until), limit, signal });
    return items.map(({ id, value, eventId }) => this.#entryOf(tenant, { id, value, eventId }));
  }

  /** All entries that are due at a time: by tenant, the oldest first. Skips damaged entries. */
  scan(
    scope: MaintenanceScope,
    until: number,
    damage: DamageLog,
    signal: Signal,
  ): AsyncGenerator<DueEntry, void, undefined> {
    return damage.skipping((range) => this.#scanFrom(scope, until, { ...range, signal }));
  }

  async *#scanFrom(
    scope: MaintenanceScope,
    until: number,
    range: { readonly after?: RecordKey; readonly signal: Signal },
  ): AsyncGenerator<DueEntry, void, undefined> {
    const prefix = itemPrefix(this.#name);
    for await (const record of scanKind(this.#store, scope, prefix, range)) {
      const { identity, kind, eventId } = record;
      const id = kind.slice(prefix.length);
      if (id >= endOf(until)) continue;
      const value = await decodeRecord(CODEC, record);
      yield this.#entryOf(identity.tenant, { id, value, eventId });
    }
  }

  #cell(key: LifecycleKey, dueAt: number) {
    return this.#entries.at(tenantIdentity(key.identity.tenant), `${timeKey(dueAt)}.${digestOfKey(key)}`);
  }

  #entryOf(
    tenant: string,
    { id, value, eventId }: { readonly id: string; readonly value: DuePointer; readonly eventId: string },
  ): DueEntry {
    return {
      key: keyOf(tenant, value),
      dueAt: Date.parse(id.slice(0, id.lastIndexOf("."))),
      position: id,
      createdAt: value.createdAt,
      cell: this.#entries.at(tenantIdentity(tenant), id),
      eventId,
    };
  }
}

/** After all entries of this time and before all later ones: entries have a dot here, and the slash comes next. */
function endOf(time: number): string {
  return `${timeKey(time)}/`;
}
