import type { Identity, StateStore } from "../contract/store.js";
import { transact } from "../typed/transact.js";
import type { Embedder } from "./embedder.js";
import { embedded, findMemory, readable } from "./embedding.js";
import type { EmbeddedMissing } from "./memory.js";
import { memoryCell, NEWEST, readPosition, type SeenMemory } from "./stored-memory.js";
import { type EmbeddedContent, seenVector, vectorCell } from "./stored-vector.js";
import { readMemory, writeVector } from "./write-memory.js";

type Signal = AbortSignal | undefined;

const AT_ONCE = 64;

/** Which memories are looked at, the newest first. */
interface Range {
  /** Behind this position. */
  readonly after: string | undefined;
  readonly limit: number;
  readonly signal: Signal;
}

/** Makes vectors for memories that have none of the model in use. It stops early where none can be made. */
export async function embedMissing(
  store: StateStore,
  owner: Identity,
  embedder: Embedder,
  { after, limit, signal }: Range,
): Promise<EmbeddedMissing> {
  let done = { embedded: 0, failed: 0 };
  let failure: Pick<EmbeddedMissing, "embedFailure"> = {};
  let before = after === undefined ? undefined : NEWEST + after;
  for (let looked = 0; ; ) {
    signal?.throwIfAborted();
    const size = Math.min(AT_ONCE, limit - looked);
    const page = await store.list(owner, NEWEST, {
      before,
      reverse: true,
      limit: size,
      bytes: false,
      signal,
    });
    const ids = page.map(({ kind }) => readPosition(kind.slice(NEWEST.length), "kind").id);
    const outcomes = await Promise.all(ids.map((id) => embedOne(store, owner, embedder, id, signal)));
    const failed = outcomes.filter((outcome) => typeof outcome === "object");
    const embedded = outcomes.filter((outcome) => outcome === true).length;
    done = { embedded: done.embedded + embedded, failed: done.failed + failed.length };
    failure = { ...failed[0], ...failure };
    looked += page.length;
    if (page.length < size) return { ...done, ...failure };
    before = page.at(-1)?.kind;
    const isUseless = failed.length > 0 && embedded === 0;
    if (looked === limit || isUseless)
      return { ...done, ...failure, next: before?.slice(NEWEST.length) as string };
  }
}

/** Returns whether the memory has got a vector, or why it has none. What is damaged is left as it is. */
async function embedOne(
  store: StateStore,
  owner: Identity,
  embedder: Embedder,
  id: string,
  signal: Signal,
): Promise<boolean | { readonly embedFailure: unknown }> {
  const place = { owner, id };
  const memory = await findMemory(store, place, signal);
  if (memory === undefined) return false;
  const there = await readable(store, vectorCell(place), seenVector, signal);
  if (there?.model === embedder.model) return false;
  const { vector, embedFailure } = await embedded(embedder, memory.content, signal);
  if (vector === undefined) return { embedFailure };
  return putVector(store, owner, memory, vector, signal);
}

/** Returns whether the memory still has the content. */
function putVector(
  store: StateStore,
  owner: Identity,
  { id, content }: SeenMemory,
  vector: EmbeddedContent,
  signal: Signal,
): Promise<boolean> {
  const place = { owner, id };
  return transact(
    store,
    async (transaction) => {
      const now = await readMemory(transaction, memoryCell(place));
      if (now?.content !== content) return false;
      await writeVector(transaction, place, now, vector);
      return true;
    },
    { signal, turn: memoryCell(place) },
  );
}
