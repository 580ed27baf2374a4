import { digestIn, type KeyedValue } from "../content/keyed-value.js";
import type { ValuePool } from "../content/value-pool.js";
import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import { cellAt } from "../typed/cell.js";
import type { Transaction } from "../typed/transaction.js";
import { readNamed, readOneOf } from "../validation/validate.js";
import { readKind, readText } from "../validation/validate-text.js";
import { OtherWrite } from "./errors.js";
import { type Place, writeKind } from "./kinds.js";
import { readChannel } from "./new-checkpoint.js";
import { readIndex, WRITE_CODEC } from "./pending.js";

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
  /** 1 to 2,000 writes. */
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

export const WRITE_FIELDS = ["task", "path", "writes", "existing"];
/** The header of a write without its names. */
const HEADER_BYTES = 128;
const MAX_WRITES = 2_000;
const NO_BYTES = new Uint8Array();

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
