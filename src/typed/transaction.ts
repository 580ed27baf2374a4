import { invalid } from "../contract/errors.js";
import type { Change, EventId, Expect, StateRecord, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { type Cell, cellKey, decodeRecord } from "./cell.js";
import type { Codec } from "./codec.js";

type Write =
  | { readonly op: "save"; readonly bytes: Uint8Array; readonly version: number; readonly eventId?: EventId }
  | { readonly op: "delete" };

interface Part {
  readonly cell: Cell<unknown, never>;
  /** What the slot held, where that was asked. */
  read?: Promise<StateRecord | undefined>;
  write?: Promise<Write>;
  /** What it was written on the understanding of, whatever was read. */
  expect?: Expect;
}

/**
 * What one attempt read and wants to write. All it read has to hold still when its writes take effect; what it wrote
 * without reading is written whatever is there.
 */
export class Transaction {
  readonly #store: StateStore;
  readonly #signal: AbortSignal | undefined;
  readonly #parts = new Map<string, Part>();

  /** @internal */
  constructor(store: StateStore, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#signal = signal;
  }

  /** The value of the cell, as this transaction left it. CORRUPT. */
  async get<T>(cell: Cell<T, never>): Promise<T | undefined> {
    const part = this.#part(cell);
    if (part.write !== undefined) {
      const write = await part.write;
      return write.op === "save" ? cell.codec.decode(write.bytes, write.version) : undefined;
    }
    const record = await this.#read(part);
    return record && decodeRecord(cell.codec, record);
  }

  /**
   * Writes the value. An `eventId` of the caller's makes the store recognise this write for as long as it knows the
   * id; without one each attempt takes a new id. With `expect`, where the cell holds another event, `transact` rejects
   * with CONDITION_FAILED. INVALID_RECORD.
   */
  set<T, Input>(cell: Cell<T, Input>, value: Input, eventId?: EventId, expect?: Expect): Promise<void> {
    const part = this.#part(cell);
    const write = encode(cell.codec, value, eventId);
    part.write = write;
    if (expect !== undefined) part.expect = expect;
    const done = write.then(() => {});
    // Whoever does not wait for it learns of a refusal when the changes are made.
    done.catch(() => {});
    return done;
  }

  /** Writes the value where nothing may be yet: if something is, `transact` rejects with CONDITION_FAILED. INVALID_RECORD. */
  create<T, Input>(cell: Cell<T, Input>, value: Input, eventId?: EventId): Promise<void> {
    return this.set(cell, value, eventId, null);
  }

  /** Empties the cell. */
  delete(cell: Cell<unknown, never>): void {
    this.#part(cell).write = Promise.resolve({ op: "delete" });
  }

  /** The changes of a commit that does all this, or none when one read was all. @internal */
  async changes(): Promise<Change[]> {
    const parts = [...this.#parts.values()];
    // Several reads must have been true at the same time, though nothing is written.
    if (parts.length < 2 && parts.every(({ write }) => write === undefined)) return [];
    // What was only read comes first: what is expected and fails behind it would fail however often one tried.
    const mayChange = ({ read, expect }: Part) => read !== undefined && expect === undefined;
    const ordered = [...parts.filter(mayChange), ...parts.filter((part) => !mayChange(part))];
    const changes = await Promise.all(ordered.map(changeOf));
    return changes.filter((change) => change !== undefined);
  }

  /** Whether this cell was written with an `expect` that did not hold when it was read either. @internal */
  async demanded(cell: Pick<Cell<unknown>, "identity" | "kind">): Promise<boolean> {
    const { expect, read } = this.#parts.get(cellKey(cell)) ?? {};
    return expect !== undefined && (read === undefined || eventIdOf(await read) !== expect);
  }

  #part(cell: Cell<unknown, never>): Part {
    if (typeof cell?.codec?.encode !== "function") throw invalid("cell", "a cell, which `at` makes");
    const key = cellKey(cell);
    const part = this.#parts.get(key) ?? { cell };
    this.#parts.set(key, part);
    return part;
  }

  #read(part: Part): Promise<StateRecord | undefined> {
    const { identity, kind } = part.cell;
    part.read ??= this.#store.find(identity, kind, { signal: this.#signal });
    return part.read;
  }
}

async function encode<T, Input>(codec: Codec<T, Input>, value: Input, eventId?: EventId): Promise<Write> {
  const bytes = await codec.encode(value);
  return { op: "save", bytes, version: codec.version, ...(eventId === undefined ? {} : { eventId }) };
}

async function changeOf({ cell, read, expect, write: written }: Part): Promise<Change | undefined> {
  const { identity, kind } = cell;
  const condition = expect === undefined ? read && { expect: eventIdOf(await read) } : { expect };
  const write = await written;
  if (write === undefined) return condition ? { op: "check", identity, kind, ...condition } : undefined;
  if (write.op === "delete") return { op: "delete", identity, kind, ...condition };
  const { eventId = newEventId(), bytes, version } = write;
  return { op: "save", record: { eventId, identity, kind, bytes, version }, ...condition };
}

function eventIdOf(record: StateRecord | undefined): Expect {
  return record?.eventId ?? null;
}
