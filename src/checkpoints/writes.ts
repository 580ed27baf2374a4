import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { CallOptions, StateRecord, StateStore } from "../contract/store.js";
import { compareText } from "../rules/order.js";
import { cellAt, decodeRecord } from "../typed/cell.js";
import type { JsonValue } from "../typed/json-value.js";
import { mapInSlices } from "../typed/slices.js";
import type { Transaction } from "../typed/transaction.js";
import { readInteger, readNamed, readObject, readOneOf } from "../validation/validate.js";
import { readKind, readText } from "../validation/validate-text.js";
import type { PendingWrite } from "./checkpoint.js";
import { OtherWrite } from "./errors.js";
import { headedBytes } from "./headed-bytes.js";
import { type Place, pendingKinds, writeKind, writesFor } from "./kinds.js";
import { readChannel } from "./new-checkpoint.js";
import { digestIn, type KeyedValue } from "./stored-value.js";
import { ValuePool } from "./value-pool.js";

/** What a task wrote to one channel. */
export interface NewWrite<Input> {
  /** The channel: 1 to 255 UTF-8 bytes. */
  readonly channel: string;
  /** The value. It must not change until the promise settles. */
  readonly value: Input;
  /**
   * Its place among the writes of the task. Default: its place in the list. One of 0 to 99,999 is written once. A negative
   * one, down to -100, is overwritten: for what a task has at most one of, such as an error, an interrupt or a resume.
   */
  readonly index?: number;
}

/** The writes of a task. */
export interface TaskWrites<Input> {
  /** The task: 1 to 512 UTF-8 bytes. */
  readonly task: string;
  /** Where the task stands, in the caller's words: up to 512 UTF-8 bytes. Writes are read in the order of this first. */
  readonly path?: string;
  /** 1 to 1,000 writes. */
  readonly writes: readonly NewWrite<Input>[];
  /** What happens if the task has another write at an index: it is refused (default), or the one that is there is kept. */
  readonly existing?: "refuse" | "keep";
}

/** The writes of a task, as they were read. */
export interface WritesInput {
  readonly task: string;
  readonly path?: string;
  readonly existing: "refuse" | "keep";
  readonly writes: readonly { readonly channel: string; readonly value: unknown; readonly index: number }[];
}

/** A write with its value in bytes. */
export interface PreparedWrite {
  readonly index: number;
  readonly channel: string;
  readonly value: KeyedValue;
}

/** Writes of which only the commit is left. */
export interface PreparedPending {
  /** The checkpoint that they are pending for. */
  readonly id: string;
  readonly pool: ValuePool;
  readonly tasks: readonly { readonly input: WritesInput; readonly writes: readonly PreparedWrite[] }[];
}

interface WriteHeader {
  readonly task: string;
  readonly path?: string;
  readonly channel: string;
  readonly index: number;
  readonly version: number;
  /** The key of the value, which begins with its digest. */
  readonly key: string;
}

export const WRITE_FIELDS = ["task", "path", "writes", "existing"];
/** The header of a write without its names. */
const HEADER_BYTES = 128;
const MAX_WRITES = 1_000;
const LOWEST_INDEX = -100;
const HIGHEST_INDEX = 99_999;
const NO_BYTES = new Uint8Array();

const WRITE_CODEC = headedBytes<WriteHeader>({
  write: ({ task, path, channel, index, version, key }) =>
    ({
      t: task,
      ...(path !== undefined && { p: path }),
      c: channel,
      i: index,
      v: version,
      k: key,
    }) as JsonValue,
  read(value) {
    const { t, p, c, i, v, k } = readObject(value, "header") as Readonly<Record<string, unknown>>;
    return {
      task: readKind(t, "task"),
      ...(p !== undefined && { path: readText(p, "path", LIMITS.kindBytes) }),
      channel: readChannel(c, "channel"),
      index: readIndex(i),
      version: readInteger(v, "version", 0, Number.MAX_SAFE_INTEGER),
      key: readText(k, "key", LIMITS.nameBytes),
    };
  },
});

/** Checks the writes of a task, and copies everything but the values. INVALID_RECORD. */
export function readTaskWrites(given: object): WritesInput {
  const { task, path, writes, existing } = given as TaskWrites<unknown>;
  if (!Array.isArray(writes) || writes.length < 1 || writes.length > MAX_WRITES)
    throw invalid("writes", `a list of 1 to ${MAX_WRITES} writes`);
  const read = Array.from(writes, (write, at) => {
    const one = readNamed(write, "writes", ["channel", "value", "index"]) as NewWrite<unknown>;
    if (one.value === undefined) throw invalid("writes", "writes with a value");
    const index = "index" in one ? readIndex(one.index) : at;
    return { channel: readChannel(one.channel, "channel"), value: one.value, index };
  });
  if (new Set(read.map(({ index }) => index)).size < read.length)
    throw invalid("index", "different for each write");
  return {
    task: readKind(task, "task"),
    ...("path" in given && { path: readText(path, "path", LIMITS.kindBytes) }),
    existing: "existing" in given ? readOneOf(existing, "existing", ["refuse", "keep"]) : "refuse",
    writes: read,
  };
}

/** How many bytes at most stand before the value in the record of a write. */
export function mostHeaderBytes({ task, path = "" }: WritesInput, channel: string): number {
  return Buffer.byteLength(JSON.stringify([task, path, channel])) + HEADER_BYTES;
}

/** Writes what is not there yet, as part of a commit. Returns how many were written. IDEMPOTENCY_CONFLICT. */
export async function writeIn(
  transaction: Transaction,
  place: Place,
  { id, pool, tasks }: PreparedPending,
): Promise<number> {
  const written = tasks.map(({ input, writes }) => {
    const { task, path, existing } = input;
    const cellOf = (index: number) => cellAt(place.owner, writeKind(place, id, task, index), WRITE_CODEC);
    return Promise.all(
      writes.map(async ({ index, channel, value }) => {
        const there = index < 0 ? undefined : (await transaction.get(cellOf(index)))?.header;
        if (there !== undefined) {
          const isSame = there.channel === channel && digestIn(there.key) === value.digest;
          if (!isSame && existing === "refuse") throw new OtherWrite();
          return 0;
        }
        const isLarge = value.chunkBytes !== undefined;
        if (isLarge) await pool.use(transaction, value);
        const { version, key } = value;
        const header = { task, ...(path !== undefined && { path }), channel, index, version, key };
        await transaction.set(cellOf(index), { header, bytes: isLarge ? NO_BYTES : value.bytes });
        return 1;
      }),
    );
  });
  return (await Promise.all(written)).flat().reduce<number>((sum, one) => sum + one, 0);
}

/** What is pending for a checkpoint, by path, task and index. CORRUPT. */
export async function readWrites<V>(
  place: Place,
  id: string,
  store: StateStore,
  { signal }: CallOptions,
  open: {
    large(pool: ValuePool, key: string): Promise<V>;
    inline(record: StateRecord): Promise<V>;
  },
): Promise<PendingWrite<V>[]> {
  const kinds = pendingKinds(writesFor(place, id));
  const pool = new ValuePool(store, place.owner, kinds);
  const records = await store.list(place.owner, kinds.writes, { signal });
  const writes = await mapInSlices(records, async (record) => {
    const { header, bytes } = await decodeRecord(WRITE_CODEC, record);
    const { task, path, index, channel, version, key } = header;
    const value = await (digestIn(key) === key
      ? open.inline({ ...record, bytes, version })
      : open.large(pool, key));
    return { task, ...(path !== undefined && { path }), index, channel, value };
  });
  return writes.sort(byPathTaskIndex);
}

function byPathTaskIndex(one: PendingWrite<unknown>, other: PendingWrite<unknown>): number {
  return (
    compareText(one.path ?? "", other.path ?? "") ||
    compareText(one.task, other.task) ||
    one.index - other.index
  );
}

function readIndex(value: unknown): number {
  return readInteger(value, "index", LOWEST_INDEX, HIGHEST_INDEX);
}
