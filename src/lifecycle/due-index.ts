import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { Identity, MaintenanceScope, RecordKey, StateStore } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { corruptRecord, decodeRecord } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import { Collection, type Item } from "../typed/collection.js";
import type { DamageLog } from "../typed/damage.js";
import { dueEnd, scanDueEntries } from "../typed/due-scan.js";
import { digestOf, itemPrefix } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { optional, readTime } from "../validation/fields.js";
import { readObject } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import { FILTERED_PAGE_SIZE } from "./chunks.js";
import type { DueDeclaration } from "./declaration.js";
import {
  digestOfKey,
  type Entry,
  type EntryPage,
  keyOf,
  type Pointer,
  pointerTo,
  readPointer,
} from "./pointer.js";
import type { Groups } from "./status-pointer.js";
import type { LifecycleKey, LifecycleState } from "./stored.js";

type Signal = AbortSignal | undefined;

/** An entry that says from when on somebody should deal with a record. */
export interface DueEntry extends Entry {
  readonly dueAt: number;
  /** The time and a digest that makes it unique. */
  readonly position: string;
  /** The digest of the value of the declared field. */
  readonly group?: string;
}

interface DuePointer extends Pointer {
  readonly createdAt: number;
  readonly group?: string;
}

const CODEC = mappedJson<DuePointer>({
  write: (pointer) => ({ ...pointer }),
  read(value) {
    const given = readObject(value, "pointer") as Partial<DuePointer>;
    return {
      ...readPointer(value),
      createdAt: readTime(given.createdAt, "createdAt"),
      ...optional(given, "group", readKind),
    };
  },
});

/** Which entries of a tenant are read. */
export interface DueRange {
  readonly until: number;
  readonly after: string | undefined;
  readonly limit: number;
  /** Only those with this digest of the declared field. */
  readonly group: string | undefined;
  /** Where damaged entries are noted, and passed over. */
  readonly damage: DamageLog;
}

/** Index of the records that become due, by the time when they do, with one entry for each under its tenant. */
export class DueIndex<S extends LifecycleState> {
  readonly #store: StateStore;
  readonly #declared: DueDeclaration<S>;
  readonly #name: string;
  readonly #entries: Collection<DuePointer>;

  constructor(store: StateStore, name: string, declared: DueDeclaration<S>) {
    this.#store = store;
    this.#declared = declared;
    this.#name = `${name}.due`;
    this.#entries = new Collection(store, this.#name, { codec: CODEC });
  }

  /** Writes the entry of a record, in place of the one it had before. */
  async move(
    transaction: Transaction,
    key: LifecycleKey,
    { before, now, groups }: { readonly before: S | undefined; readonly now: S; readonly groups: Groups },
  ): Promise<void> {
    const [from, to] = [before && this.#declared.due(before), this.#declared.due(now)];
    if (from === to) return;
    if (from !== undefined) transaction.delete(this.#cell(key, from));
    if (to === undefined) return;
    const group = groups[this.#declared.dueBy ?? ""];
    const pointer = {
      ...pointerTo(key),
      createdAt: now.createdAt,
      ...(group === undefined ? {} : { group }),
    };
    await transaction.set(this.#cell(key, to), pointer);
  }

  /** Removes the entry of a record. */
  remove(transaction: Transaction, key: LifecycleKey, state: S): void {
    const dueAt = this.#declared.due(state);
    if (dueAt !== undefined) transaction.delete(this.#cell(key, dueAt));
  }

  /** INVALID_RECORD for a field by which due records are not found. */
  groupOf({ field, value }: { readonly field: string; readonly value: string }): string {
    if (field !== this.#declared.dueBy) throw invalid("by", "the field that `dueBy` declares");
    return digestOf(value);
  }

  /**
   * Some of the entries of a tenant that are due at a time, the oldest first, after a position. Those that a clock wrote
   * which was ahead come last.
   */
  async oldest(
    tenant: string,
    { until, after = "", limit, group, damage }: DueRange,
    signal: Signal,
  ): Promise<EntryPage<DueEntry>> {
    const owner = tenantIdentity(tenant);
    const most = group === undefined ? limit : FILTERED_PAGE_SIZE;
    const read = (from: string, before?: string) => {
      const bounds = { ...(from === "" ? {} : { after: from }), ...(before && { before }) };
      return damage.page(
        itemPrefix(this.#name),
        { ...bounds, reverse: false, limit: most },
        async (range) => {
          const items = await this.#entries.list(owner, { ...range, signal });
          return items.map((item) => this.#entryOf(owner, item));
        },
      );
    };
    const end = dueEnd(until);
    const { dueWithinMs } = this.#declared;
    const [due, ahead] = await Promise.all([
      after < end ? read(after, end) : [],
      dueWithinMs === undefined ? [] : read(later(after, dueEnd(until + dueWithinMs))),
    ]);
    const all = [...due, ...ahead].slice(0, most);
    const next = all.length < most ? undefined : all.at(-1)?.position;
    return { entries: group === undefined ? all : all.filter((entry) => entry.group === group), next };
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
    const { dueWithinMs = Number.POSITIVE_INFINITY } = this.#declared;
    const ahead = until + dueWithinMs <= LIMITS.latest ? until + dueWithinMs : undefined;
    for await (const record of scanDueEntries(this.#store, scope, prefix, { until, ahead }, range)) {
      const { identity, kind, eventId } = record;
      const value = await decodeRecord(CODEC, record);
      yield this.#entryOf(identity, { id: kind.slice(prefix.length), value, eventId });
    }
  }

  #cell(key: LifecycleKey, dueAt: number) {
    return this.#entries.at(tenantIdentity(key.identity.tenant), `${timeKey(dueAt)}.${digestOfKey(key)}`);
  }

  #entryOf(
    owner: Identity,
    { id, value, eventId }: Pick<Item<DuePointer>, "id" | "value" | "eventId">,
  ): DueEntry {
    const key = keyOf(owner.tenant, value);
    const dot = id.lastIndexOf(".");
    if (id.slice(dot + 1) !== digestOfKey(key))
      throw corruptRecord(this.#entries.at(owner, id), "an entry of a list points at another record");
    return {
      key,
      dueAt: Date.parse(id.slice(0, dot)),
      position: id,
      createdAt: value.createdAt,
      ...(value.group === undefined ? {} : { group: value.group }),
      cell: this.#entries.at(owner, id),
      eventId,
    };
  }
}

function later(a: string, b: string): string {
  return a < b ? b : a;
}
