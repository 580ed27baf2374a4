import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { Identity, MaintenanceScope, RecordKey, StateStore } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { scanKind } from "../store/scan-kind.js";
import { decodeRecord } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import { Collection, type Item } from "../typed/collection.js";
import { digestOf, itemPrefix } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { optional, readTime } from "../validation/fields.js";
import { readObject } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import type { DamageLog } from "./damage.js";
import type { DueDeclaration } from "./declaration.js";
import { digestOfKey, type Entry, keyOf, type Pointer, pointerTo, readPointer } from "./pointer.js";
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
  readonly group: DueGroup | undefined;
}

/** The entries of one value of the field by which due records are found. */
export interface DueGroup {
  readonly digest: string;
}

/**
 * Index of the records that become due, by the time when they do, with one entry for each under its tenant, and another one
 * for the value of the declared field.
 */
export class DueIndex<S extends LifecycleState> {
  readonly #store: StateStore;
  readonly #declared: DueDeclaration<S>;
  readonly #name: string;
  readonly #entries: Collection<DuePointer>;
  readonly #grouped: Collection<DuePointer> | undefined;

  constructor(store: StateStore, name: string, declared: DueDeclaration<S>) {
    this.#store = store;
    this.#declared = declared;
    this.#name = `${name}.due`;
    this.#entries = new Collection(store, this.#name, { codec: CODEC });
    const { dueBy } = declared;
    this.#grouped =
      dueBy === undefined ? undefined : new Collection(store, `${this.#name}.${dueBy}`, { codec: CODEC });
  }

  /** Writes the entries of a record, in place of those it had before. */
  async move(
    transaction: Transaction,
    key: LifecycleKey,
    { before, now, groups }: { readonly before: S | undefined; readonly now: S; readonly groups: Groups },
  ): Promise<void> {
    const [from, to] = [before && this.#declared.due(before), this.#declared.due(now)];
    if (from === to) return;
    const group = this.#groupIn(groups);
    if (from !== undefined)
      for (const cell of this.cellsOf({ key, dueAt: from, ...group })) transaction.delete(cell);
    if (to === undefined) return;
    const pointer = { ...pointerTo(key), createdAt: now.createdAt, ...group };
    const cells = this.cellsOf({ key, dueAt: to, ...group });
    await Promise.all(cells.map((cell) => transaction.set(cell, pointer)));
  }

  /** Removes the entries of a record. */
  remove(transaction: Transaction, key: LifecycleKey, state: S, groups: Groups): void {
    const dueAt = this.#declared.due(state);
    if (dueAt === undefined) return;
    for (const cell of this.cellsOf({ key, dueAt, ...this.#groupIn(groups) })) transaction.delete(cell);
  }

  /** INVALID_RECORD for a field by which due records are not found. */
  groupOf({ field, value }: { readonly field: string; readonly value: string }): DueGroup {
    if (field !== this.#declared.dueBy) throw invalid("by", "the field that `dueBy` declares");
    return { digest: digestOf(value) };
  }

  /**
   * The entries of a tenant that are due at a time, the oldest first, after a position. Those that a clock wrote which was
   * ahead come last.
   */
  async oldest(tenant: string, { group, ...range }: DueRange, signal: Signal): Promise<DueEntry[]> {
    const owner = tenantIdentity(tenant);
    const [entries, prefix] =
      group && this.#grouped ? [this.#grouped, `${group.digest}/`] : [this.#entries, ""];
    const { until, after = "", limit } = range;
    const read = async (from: string, before?: string) => {
      const bounds = {
        prefix,
        ...(from === "" ? {} : { after: prefix + from }),
        ...(before && { before: prefix + before }),
      };
      const items = await entries.list(owner, { ...bounds, limit, signal });
      return items.map((item) => entryOf(owner, entries, prefix, item));
    };
    const end = endOf(until);
    const { dueWithinMs } = this.#declared;
    const [due, ahead] = await Promise.all([
      after < end ? read(after, end) : [],
      dueWithinMs === undefined ? [] : read(later(after, endOf(until + dueWithinMs))),
    ]);
    return [...due, ...ahead].slice(0, limit);
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
    const end = endOf(until);
    const ahead = until + dueWithinMs <= LIMITS.latest ? endOf(until + dueWithinMs) : undefined;
    for await (const record of scanKind(this.#store, scope, prefix, range)) {
      const { identity, kind, eventId } = record;
      const id = kind.slice(prefix.length);
      if (id >= end && (ahead === undefined || id < ahead)) continue;
      const value = await decodeRecord(CODEC, record);
      yield entryOf(identity, this.#entries, "", { id, value, eventId });
    }
  }

  /** All slots of a record's entries. */
  cellsOf({ key, dueAt, group }: Pick<DueEntry, "key" | "dueAt" | "group">) {
    const owner = tenantIdentity(key.identity.tenant);
    const position = `${timeKey(dueAt)}.${digestOfKey(key)}`;
    const all = this.#entries.at(owner, position);
    return this.#grouped && group !== undefined
      ? [all, this.#grouped.at(owner, `${group}/${position}`)]
      : [all];
  }

  /** The group of a record, to be spread. */
  #groupIn(groups: Groups): Pick<DuePointer, "group"> {
    const group = groups[this.#declared.dueBy ?? ""];
    return group === undefined ? {} : { group };
  }
}

function entryOf(
  owner: Identity,
  entries: Collection<DuePointer>,
  prefix: string,
  { id, value, eventId }: Pick<Item<DuePointer>, "id" | "value" | "eventId">,
): DueEntry {
  const position = id.slice(prefix.length);
  return {
    key: keyOf(owner.tenant, value),
    dueAt: Date.parse(position.slice(0, position.lastIndexOf("."))),
    position,
    createdAt: value.createdAt,
    ...(value.group === undefined ? {} : { group: value.group }),
    cell: entries.at(owner, id),
    eventId,
  };
}

/** After all entries of this time and before all later ones: entries have a dot here, and the slash comes next. */
function endOf(time: number): string {
  return `${timeKey(Math.min(time, LIMITS.latest))}/`;
}

function later(a: string, b: string): string {
  return a < b ? b : a;
}
