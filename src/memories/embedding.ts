import type { CallOptions, Identity, StateStore } from "../contract/store.js";
import type { Cell } from "../typed/cell.js";
import { unlessCorrupt } from "../typed/unless-corrupt.js";
import type { Embedder } from "./embedder.js";
import {
  contentCell,
  idInEntry,
  isLive,
  type MemoryPlace,
  memoryCell,
  type SeenMemory,
  seenMemory,
} from "./stored-memory.js";
import type { EmbeddedContent } from "./stored-vector.js";

/** A vector, or why there is none; neither where none is needed, or no `embed` was given. */
export interface Embedding {
  readonly vector?: EmbeddedContent;
  readonly embedFailure?: unknown;
}

/** Makes the vector of a text. It fails only with the caller's signal: words do without a vector. */
export async function embedded(
  embedder: Embedder | undefined,
  text: string,
  signal: AbortSignal | undefined,
): Promise<Embedding> {
  if (embedder === undefined) return {};
  try {
    return { vector: { model: embedder.model, vector: await embedder.vectorOf(text, signal) } };
  } catch (error) {
    signal?.throwIfAborted();
    return { embedFailure: error };
  }
}

/** Makes the vector of a content that is added, unless there is a memory with it. */
export async function embeddedIfNew(
  store: StateStore,
  embedder: Embedder | undefined,
  { owner, content, now }: { readonly owner: Identity; readonly content: string; readonly now: number },
  { signal }: CallOptions,
): Promise<Embedding> {
  if (embedder === undefined) return {};
  const id = await readable(store, contentCell(owner, content), idInEntry, signal);
  const there = id === undefined ? undefined : await findMemory(store, { owner, id }, signal);
  if (there?.content === content && isLive(there, now)) return {};
  return embedded(embedder, content, signal);
}

/** Makes the vector of a memory's new content, if it is another one. */
export async function embeddedIfChanged(
  store: StateStore,
  embedder: Embedder | undefined,
  place: MemoryPlace,
  content: string | undefined,
  { signal }: CallOptions,
): Promise<Embedding> {
  if (embedder === undefined || content === undefined) return {};
  const before = await findMemory(store, place, signal);
  return before === undefined || before.content === content ? {} : embedded(embedder, content, signal);
}

/** The memory, past its time or not; `undefined` also where it is damaged. */
export function findMemory(
  store: StateStore,
  place: MemoryPlace,
  signal: AbortSignal | undefined,
): Promise<SeenMemory | undefined> {
  return readable(store, memoryCell(place), seenMemory, signal);
}

/** What a slot holds, if it can be read. */
export async function readable<V extends string | object>(
  store: StateStore,
  { identity, kind }: Pick<Cell<unknown, never>, "identity" | "kind">,
  read: (record: Awaited<ReturnType<StateStore["load"]>>) => Promise<V>,
  signal: AbortSignal | undefined,
): Promise<V | undefined> {
  const value = await unlessCorrupt(async () => {
    const record = await store.find(identity, kind, { signal });
    return record && { read: await read(record) };
  });
  return typeof value === "object" ? value.read : undefined;
}
