import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { Identity } from "../contract/store.js";
import { readStateOf } from "../identity/own-state.js";
import { type Cell, cellAt, corruptRecord, decodeRecord, type SeenRecord } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import { type InputReader, PLAIN_READER } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf, itemPrefix, readScopedId } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import { optional, readTime, readTtl } from "../validation/fields.js";
import { readObject } from "../validation/validate.js";
import { readName, readText } from "../validation/validate-text.js";
import type { MemoriesOf, Memory } from "./memory.js";

/** Where a memory lies. */
export interface MemoryPlace {
  readonly owner: Identity;
  readonly id: string;
}

/**
 * A memory as it is stored. One that was never updated lives from the time of its record on, so the same call makes the same
 * record at any time.
 */
export interface StoredMemory {
  readonly content: string;
  readonly topics: readonly string[];
  readonly metadata: Readonly<Record<string, JsonValue>>;
  readonly run?: string;
  /** From the time of the record on. */
  readonly ttlMs?: number;
  /** When it was added, of one that was updated since. */
  readonly createdAt?: number;
  /** When it ends, of one that was updated since. */
  readonly expiresAt?: number;
}

/** A memory that was read, past its time or not. */
export interface SeenMemory extends Memory {
  readonly stored: StoredMemory;
}

export const MEMORIES = itemPrefix("memories");
/** By when memories were added, for `read`. */
export const NEWEST = itemPrefix("memories.new");
/** By the time at which memories end, for `cleanup`. */
export const DUE = itemPrefix("memories.due");
/** Which memory has a content, by the digest of the content. The event of an entry changes with the memory. */
export const CONTENTS = itemPrefix("memories.content");
/** What says that entries of `CONTENTS` which begin with a character have changed. */
export const CHANGED = itemPrefix("memories.changed");
/** No first character of a digest. */
export const MOVED = "moved";
export const VECTORS = itemPrefix("memories.vector");
/** Everything that belongs to memories. */
export const ALL = [MEMORIES, NEWEST, DUE, CONTENTS, CHANGED, VECTORS];

const MAX_CONTENT_BYTES = 65_536;
const MAX_METADATA_BYTES = 65_536;
const MAX_TOPICS = 32;
const TIME_LENGTH = timeKey(0).length;
const POSITION = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\../su;

const MEMORY_CODEC = mappedJson<StoredMemory>({
  write: ({ topics, ...memory }) => ({ ...memory, topics: [...topics] }),
  mayBeLarge: () => true,
  read(json) {
    const given = readObject(json, "memory") as Partial<StoredMemory>;
    return {
      content: readContent(given.content),
      topics: readTopics(given.topics),
      metadata: readMetadata(given.metadata),
      ...optional(given, "run", readName),
      ...optional(given, "ttlMs", readTtl),
      ...optional(given, "createdAt", readTime),
      ...optional(given, "expiresAt", readTime),
    };
  },
});

/** The name of the memory that has a content. */
const CONTENT_CODEC = mappedJson<string>({ write: (id) => id, read: (id) => readScopedId(id, "id") });

/** What an entry by time says is in its kind. */
const ENTRY_CODEC = mappedJson<null>({ write: () => null, read: () => null });

/** Reads which memory is meant. INVALID_RECORD, IDENTITY_REQUIRED. */
export function readPlace(identity: MemoriesOf, id: unknown): MemoryPlace {
  return { owner: readStateOf(identity), id: readScopedId(id, "id") };
}

export function readContent(value: unknown): string {
  const content = readText(value, "content", MAX_CONTENT_BYTES);
  if (content === "") throw invalid("content", "a string that is not empty");
  return content;
}

/** Each topic once, in the order of the first mentions. */
export function readTopics(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length > MAX_TOPICS)
    throw invalid("topics", `a list of up to ${MAX_TOPICS} names`);
  return Object.freeze([...new Set(Array.from(value, (topic) => readTopic(topic)))]);
}

function readTopic(value: unknown): string {
  const topic = readText(value, "topics", LIMITS.nameBytes);
  if (topic === "") throw invalid("topics", "a list of names that are not empty");
  return topic;
}

export function readMetadata(
  value: unknown,
  field = "metadata",
  inputs: InputReader = PLAIN_READER,
): Readonly<Record<string, JsonValue>> {
  if (Array.isArray(value)) throw invalid(field, "an object");
  const metadata = inputs.json(readObject(value, field), field) as Readonly<Record<string, JsonValue>>;
  if (Buffer.byteLength(JSON.stringify(metadata)) > MAX_METADATA_BYTES)
    throw invalid(field, `at most ${MAX_METADATA_BYTES} UTF-8 bytes of JSON`);
  return metadata;
}

export function memoryCell({ owner, id }: MemoryPlace): Cell<StoredMemory> {
  return cellAt(owner, MEMORIES + id, MEMORY_CODEC);
}

/** The cell that says which memory has a content. */
export function contentCell(owner: Identity, content: string): Cell<string> {
  return cellAt(owner, CONTENTS + digestOf(content), CONTENT_CODEC);
}

/** The cell that changes whenever a memory of this content, or of some others, does. */
export function changedCell(owner: Identity, content: string): Cell<null> {
  return cellAt(owner, CHANGED + bucketOf(digestOf(content)), ENTRY_CODEC);
}

/** The cell that changes whenever a memory gets another content, and with it another entry. */
export function movedCell(owner: Identity): Cell<null> {
  return cellAt(owner, CHANGED + MOVED, ENTRY_CODEC);
}

/** Entries of `CONTENTS` change together by the first character of their digest: there are 64 of them. */
export function bucketOf(digest: string): string {
  return digest.charAt(0);
}

export function newestCell({ owner, id }: MemoryPlace, createdAt: Date): Cell<null> {
  return cellAt(owner, NEWEST + positionOf(createdAt, id), ENTRY_CODEC);
}

export function dueCell({ owner, id }: MemoryPlace, expiresAt: Date): Cell<null> {
  return cellAt(owner, DUE + positionOf(expiresAt, id), ENTRY_CODEC);
}

/** Where a memory stands in an index by time. */
export function positionOf(time: Date, id: string): string {
  return `${timeKey(time.getTime())}.${id}`;
}

/** Reads a position in an index by time. INVALID_RECORD. */
export function readPosition(value: unknown, field: string): { readonly time: string; readonly id: string } {
  const position = readText(value, field, LIMITS.nameBytes);
  if (!POSITION.test(position)) throw invalid(field, "the `next` of the page before");
  const id = position.slice(TIME_LENGTH + 1);
  return { time: position.slice(0, TIME_LENGTH), id: readScopedId(id, field) };
}

/** Reads where a page begins. INVALID_RECORD. */
export function positionIn(after: string): string {
  readPosition(after, "after");
  return after;
}

/** The name of the memory in an entry of `CONTENTS`. CORRUPT. */
export function idInEntry(record: SeenRecord): Promise<string> {
  return decodeRecord(CONTENT_CODEC, record);
}

/** Decodes a memory. CORRUPT. */
export async function seenMemory(record: SeenRecord): Promise<SeenMemory> {
  const stored = await decodeRecord(MEMORY_CODEC, record);
  const { updatedAt, eventId, kind } = record;
  if (updatedAt === undefined) throw corruptRecord(record, "a memory has no time");
  const { content, topics, metadata, run } = stored;
  return {
    id: kind.slice(MEMORIES.length),
    content,
    topics,
    metadata,
    ...(run !== undefined && { run }),
    ...timesOf(stored, updatedAt),
    updatedAt,
    eventId,
    stored,
  };
}

/** When a memory was added and when it ends, of which the record has this time. */
export function timesOf(
  { createdAt, expiresAt, ttlMs }: StoredMemory,
  updatedAt: Date,
): Pick<Memory, "createdAt" | "expiresAt"> {
  const end = expiresAt ?? (ttlMs === undefined ? undefined : endOf(updatedAt.getTime(), ttlMs));
  return {
    createdAt: createdAt === undefined ? updatedAt : new Date(createdAt),
    ...(end !== undefined && { expiresAt: new Date(end) }),
  };
}

/** When a memory ends, in milliseconds since 1970. */
export function endOf(from: number, ttlMs: number): number {
  return Math.min(from + ttlMs, LIMITS.latest);
}

export function isLive({ expiresAt }: Pick<Memory, "expiresAt">, now: number): boolean {
  return expiresAt === undefined || expiresAt.getTime() > now;
}

/** The memory as callers get it; `undefined` for one that is past its time. */
export function memoryAt({ stored: _, ...memory }: SeenMemory, now: number): Memory | undefined {
  return isLive(memory, now) ? memory : undefined;
}
