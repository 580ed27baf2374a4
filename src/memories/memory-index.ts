import { nextSize } from "../content/paging.js";
import type { EventId, Identity, StateRecord, StateStore } from "../contract/store.js";
import { mergeByReciprocalRank } from "../search/reciprocal-rank.js";
import { VectorIndex } from "../search/vector-index.js";
import { WordIndex } from "../search/word-index.js";
import { mapInSlices } from "../typed/slices.js";
import { DAMAGED, unlessCorrupt } from "../typed/unless-corrupt.js";
import { ContentEntries } from "./content-entries.js";
import type { IsWanted } from "./filter.js";
import type { Memory, NotSearchedMemories } from "./memory.js";
import { isLive, memoryCell, type SeenMemory, seenMemory } from "./stored-memory.js";
import { type EmbeddedContent, seenVector, vectorCell } from "./stored-vector.js";

/** What is looked for. */
export interface MemoryQuery {
  readonly words: string;
  readonly vector: EmbeddedContent | undefined;
  readonly isWanted: IsWanted;
  readonly now: number;
}

/** A memory that was found. */
export interface RankedMemory {
  readonly id: string;
  readonly score: number;
  readonly similarity: number | undefined;
}

/** What the index has of a memory beside its words and its vector. */
interface Known extends Pick<Memory, "topics" | "metadata" | "createdAt" | "expiresAt"> {
  /** The event of its entry when it was read. */
  readonly version: EventId;
  /** `left`: there was no room for it. */
  readonly state: "held" | "left";
  /** The model of its vector. */
  readonly model: string | undefined;
  readonly size: number;
}

/** An entry leads to nothing, or to what cannot be read. */
interface Unknown {
  readonly version: EventId;
  readonly state: "gone" | "damaged";
  readonly size: number;
}

/** The name of a memory, and the event of its entry. */
type Entry = readonly [id: string, version: EventId];

/** Read at first at once; then more as far as they are small. */
const FIRST_READ = 16;
/** What the index of words takes for each of its units, in bytes, as it was measured. */
const BYTES_PER_UNIT = 8;
const OVERHEAD = 400;
/** Where there was no room, so much is made, that not each new memory needs some. */
const SPARED = 0.9;
/** Older memories come back only where there is much room. */
const REFILL = 0.7;
/** Damaged memories that are read again before each query, because they may have been deleted or mended. */
const MOST_DAMAGED = 100;
/** More than these of either order do not count. */
const MOST_RANKED = 1_000;

/** The memories of one user or tenant, in memory. */
export class MemoryIndex {
  readonly #store: StateStore;
  readonly #owner: Identity;
  readonly #maxSize: number;
  readonly #entries: ContentEntries;
  readonly #words = new WordIndex();
  readonly #vectors = new VectorIndex();
  readonly #known = new Map<string, Known | Unknown>();
  #knownSize = 0;
  /** A refresh that failed or was given up has read the entries, and not yet what they lead to. */
  #isUnfinished = false;

  constructor(store: StateStore, owner: Identity, maxSize: number) {
    this.#store = store;
    this.#owner = owner;
    this.#maxSize = maxSize;
    this.#entries = new ContentEntries(store, owner);
  }

  /** About how many bytes it takes. */
  get size(): number {
    return this.#words.size * BYTES_PER_UNIT + this.#vectors.size + this.#knownSize;
  }

  /** Reads what has changed since the last time. Memories are in it as of a moment after the call began. */
  async refresh(signal: AbortSignal): Promise<void> {
    const isChanged = await this.#entries.refresh(signal);
    if (isChanged || this.#isUnfinished) await this.#compare(signal);
    else await this.#readAll(this.#damaged().slice(0, MOST_DAMAGED), signal);
    if (this.size < REFILL * this.#maxSize) await this.#refill(signal);
  }

  /** The memories that fit, the best first. */
  search({ words, vector, isWanted, now }: MemoryQuery): RankedMemory[] {
    const isFound = (id: string, model?: string): boolean => {
      const known = this.#known.get(id);
      if (known?.state !== "held" || !isLive(known, now) || !isWanted(known)) return false;
      return model === undefined || known.model === model;
    };
    const named = this.#words.search(words).filter(({ group }) => isFound(group));
    const near =
      vector === undefined
        ? []
        : this.#vectors.nearest(vector.vector, MOST_RANKED, (id) => isFound(id, vector.model));
    const similarities = new Map(near.map(({ key, similarity }) => [key, similarity]));
    const orders = [named.slice(0, MOST_RANKED).map(({ group }) => group), near.map(({ key }) => key)];
    return mergeByReciprocalRank(orders).map(({ key, score }) => ({
      id: key,
      score,
      similarity: similarities.get(key),
    }));
  }

  /** `model`: by which vectors are compared, if they are. */
  notSearched(
    model: string | undefined,
    { vector, now }: Pick<MemoryQuery, "vector" | "now">,
  ): NotSearchedMemories {
    let [damaged, beyondMemory, notEmbedded] = [this.#entries.damaged, this.#entries.beyond, 0];
    for (const [id, known] of this.#known) {
      if (known.state === "damaged") damaged++;
      if (known.state === "left" && isLive(known, now)) beyondMemory++;
      if (known.state !== "held" || model === undefined || !isLive(known, now)) continue;
      const isCompared =
        known.model === model && (vector === undefined || this.#vectors.has(id, vector.vector.length));
      if (!isCompared) notEmbedded++;
    }
    return { damaged, beyondMemory, notEmbedded };
  }

  async #compare(signal: AbortSignal): Promise<void> {
    this.#isUnfinished = true;
    const current = this.#entries.versions();
    const changed = [...current].filter(([id, version]) => {
      const known = this.#known.get(id);
      return known?.version !== version || known.state === "damaged";
    });
    for (const id of this.#known.keys()) if (!current.has(id)) this.#drop(id);
    await this.#readAll(changed, signal);
    this.#isUnfinished = false;
  }

  /** Older memories that had to go, the newest first. */
  async #refill(signal: AbortSignal): Promise<void> {
    const left = [...this.#known].flatMap(([id, known]) =>
      known.state === "left" ? [{ entry: [id, known.version] as const, at: known.createdAt.getTime() }] : [],
    );
    const entries = left.sort((a, b) => b.at - a.at).map(({ entry }) => entry);
    for (let start = 0; start < entries.length && this.size < REFILL * this.#maxSize; start += FIRST_READ)
      await this.#readAll(entries.slice(start, start + FIRST_READ), signal);
  }

  #damaged(): Entry[] {
    return [...this.#known].flatMap(([id, { state, version }]) =>
      state === "damaged" ? [[id, version] as const] : [],
    );
  }

  /** Reads memories, some mebibytes at a time. */
  async #readAll(entries: readonly Entry[], signal: AbortSignal): Promise<void> {
    let size = FIRST_READ;
    for (let start = 0; start < entries.length; ) {
      signal.throwIfAborted();
      const some = entries.slice(start, start + size);
      const read = await Promise.all(
        some.map(async (entry) => ({ entry, ...(await this.#read(entry[0], signal)) })),
      );
      await mapInSlices(read, ({ entry: [id, version], memory, vector }) =>
        this.#put(id, version, memory, vector),
      );
      this.#spare();
      start += some.length;
      size = nextSize(
        size,
        read.flatMap(({ records }) => records),
      );
    }
  }

  async #read(id: string, signal: AbortSignal) {
    const place = { owner: this.#owner, id };
    const find = ({ kind }: { readonly kind: string }) =>
      unlessCorrupt(() => this.#store.find(this.#owner, kind, { signal }));
    const [record, floats] = await Promise.all([find(memoryCell(place)), find(vectorCell(place))]);
    return {
      records: [record, floats].filter((each): each is StateRecord => typeof each === "object"),
      memory: typeof record === "object" ? await unlessCorrupt(() => seenMemory(record)) : record,
      vector: typeof floats === "object" ? await unlessCorrupt(() => seenVector(floats)) : undefined,
    };
  }

  async #put(
    id: string,
    version: EventId,
    memory: SeenMemory | typeof DAMAGED | undefined,
    vector: EmbeddedContent | typeof DAMAGED | undefined,
  ): Promise<void> {
    this.#drop(id);
    if (memory === DAMAGED) return this.#know(id, { version, state: "damaged", size: OVERHEAD });
    if (memory === undefined) return this.#know(id, { version, state: "gone", size: OVERHEAD });
    const { content, topics, metadata, createdAt, expiresAt } = memory;
    await this.#words.put(id, [{ key: "", text: content }]);
    const embedded = vector === DAMAGED ? undefined : vector;
    if (embedded !== undefined) this.#vectors.put(id, embedded.vector);
    this.#know(id, {
      version,
      state: "held",
      topics,
      metadata,
      createdAt,
      ...(expiresAt !== undefined && { expiresAt }),
      model: embedded?.model,
      size: OVERHEAD + 2 * JSON.stringify([topics, metadata]).length,
    });
  }

  #know(id: string, known: Known | Unknown): void {
    this.#known.set(id, known);
    this.#knownSize += known.size;
  }

  #drop(id: string): void {
    this.#words.remove(id);
    this.#vectors.remove(id);
    this.#knownSize -= this.#known.get(id)?.size ?? 0;
    this.#known.delete(id);
  }

  /** Gives up the oldest memories where all are too much. */
  #spare(): void {
    if (this.size <= this.#maxSize) return;
    const held = [...this.#known].flatMap(([id, known]) => (known.state === "held" ? [{ id, known }] : []));
    for (const { id, known } of held.sort(
      (a, b) => a.known.createdAt.getTime() - b.known.createdAt.getTime(),
    )) {
      if (this.size <= SPARED * this.#maxSize) return;
      this.#drop(id);
      this.#know(id, { ...known, topics: [], metadata: {}, model: undefined, state: "left", size: OVERHEAD });
    }
  }
}
