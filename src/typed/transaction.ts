import { invalid } from "../contract/errors.js";
import type { Change, EventId, Expect, StateRecord, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { type Cell, cellKey, decodeRecord } from "./cell.js";
import type { Codec } from "./codec.js";

type Write =
  | { readonly op: "save"; readonly bytes: Uint8Array; readonly version: number; readonly eventId?: EventId }
  | { readonly op: "delete" };

interface TouchedCell {
  readonly cell: Cell<unknown, never>;
  /** The record that the slot held, if the work read or peeked it: one attempt sees one record. */
  record?: Promise<StateRecord | undefined>;
  /** The work read it: the commit fails if it has changed. */
  isRead?: boolean;
  write?: Promise<Write>;
  /** The caller's own condition for the write. It replaces the condition that a read makes. */
  expect?: Expect;
}

/**
 * The read set and the write set of one attempt. The commit fails if a slot that was read has changed. A slot that was
 * written without being read is overwritten unconditionally.
 */
export class Transaction {
  readonly #store: StateStore;
  readonly #signal: AbortSignal | undefined;
  readonly #touched = new Map<string, TouchedCell>();

  /** @internal */
  constructor(store: StateStore, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#signal = signal;
  }

  /** The value of the cell, including this transaction's own write. CORRUPT. */
  async get<T>(cell: Cell<T, never>): Promise<T | undefined> {
    const touched = this.#touch(cell);
    if (touched.write === undefined) touched.isRead = true;
    return this.#value(touched, cell.codec);
  }

  /**
   * Like `get`, but the commit does not depend on it: it takes effect even if the value has changed since. For values that
   * `work` does not need to be current, such as settings and hints: other writers of them do not make it run again. A `get`
   * of the same cell afterwards returns the same value, and makes it a condition.
   */
  async peek<T>(cell: Cell<T, never>): Promise<T | undefined> {
    return this.#value(this.#touch(cell), cell.codec);
  }

  /**
   * Writes the value. By an `eventId` of the caller's, the store recognises the same write within its idempotency window;
   * without one each attempt takes a new id. If the cell does not hold the event that `expect` names, `transact` rejects
   * with CONDITION_FAILED. INVALID_RECORD.
   */
  set<T, Input>(cell: Cell<T, Input>, value: Input, eventId?: EventId, expect?: Expect): Promise<void> {
    const touched = this.#touch(cell);
    const write = encode(cell.codec, value, eventId);
    touched.write = write;
    if (expect !== undefined) touched.expect = expect;
    const done = write.then(() => {});
    // Work that does not await this promise gets its rejection from `changes`.
    done.catch(() => {});
    return done;
  }

  /** Writes the value into an empty cell. If it is not empty, `transact` rejects with CONDITION_FAILED. INVALID_RECORD. */
  create<T, Input>(cell: Cell<T, Input>, value: Input, eventId?: EventId): Promise<void> {
    return this.set(cell, value, eventId, null);
  }

  /** Empties the cell. */
  delete(cell: Cell<unknown, never>): void {
    this.#touch(cell).write = Promise.resolve({ op: "delete" });
  }

  /** The changes to commit. None if the transaction did nothing but one read. @internal */
  async changes(): Promise<Change[]> {
    const all = [...this.#touched.values()].filter(({ isRead, write }) => isRead || write !== undefined);
    // Several reads without a write are committed as checks: they must have been true at the same time.
    if (all.length < 2 && all.every(({ write }) => write === undefined)) return [];
    // The store reports the first condition that fails. Those from reads come first, because after them another attempt
    // can succeed; a failed `expect` is final.
    const dependsOnRead = ({ isRead = false, expect }: TouchedCell) => isRead && expect === undefined;
    const ordered = [...all.filter(dependsOnRead), ...all.filter((touched) => !dependsOnRead(touched))];
    const changes = await Promise.all(ordered.map(changeOf));
    return changes.filter((change) => change !== undefined);
  }

  /** Whether the cell has an `expect` that does not match what the transaction itself read. @internal */
  async hasUnmetExpectation(cell: Pick<Cell<unknown>, "identity" | "kind">): Promise<boolean> {
    const { expect, record } = this.#touched.get(cellKey(cell)) ?? {};
    return expect !== undefined && (record === undefined || eventIdOf(await record) !== expect);
  }

  #touch(cell: Cell<unknown, never>): TouchedCell {
    if (typeof cell?.codec?.encode !== "function") throw invalid("cell", "a cell, which `at` makes");
    const key = cellKey(cell);
    const touched = this.#touched.get(key) ?? { cell };
    this.#touched.set(key, touched);
    return touched;
  }

  async #value<T>(touched: TouchedCell, codec: Codec<T, never>): Promise<T | undefined> {
    if (touched.write !== undefined) {
      const write = await touched.write;
      return write.op === "save" ? codec.decode(write.bytes, write.version) : undefined;
    }
    const { identity, kind } = touched.cell;
    touched.record ??= this.#store.find(identity, kind, { signal: this.#signal });
    const record = await touched.record;
    return record && decodeRecord(codec, record);
  }
}

async function encode<T, Input>(codec: Codec<T, Input>, value: Input, eventId?: EventId): Promise<Write> {
  const bytes = await codec.encode(value);
  return { op: "save", bytes, version: codec.version, ...(eventId === undefined ? {} : { eventId }) };
}

async function changeOf(touched: TouchedCell): Promise<Change | undefined> {
  const { cell, record, isRead, expect, write: written } = touched;
  const { identity, kind } = cell;
  const condition = expect === undefined ? isRead && { expect: eventIdOf(await record) } : { expect };
  const write = await written;
  if (write === undefined) return condition ? { op: "check", identity, kind, ...condition } : undefined;
  if (write.op === "delete") return { op: "delete", identity, kind, ...condition };
  const { eventId = newEventId(), bytes, version } = write;
  return { op: "save", record: { eventId, identity, kind, bytes, version }, ...condition };
}

function eventIdOf(record: StateRecord | undefined): Expect {
  return record?.eventId ?? null;
}
