import type { RedactOption } from "../contract/redact.js";
import type { CallOptions, EventId, UserIdentity } from "../contract/store.js";
import type { JsonInput, JsonValue } from "../typed/json-value.js";
import type { Clock } from "../typed/time.js";
import type { EmbedOptions } from "./embed-options.js";

/** The options of `createMemories`. */
export interface MemoriesOptions extends RedactOption {
  /** Milliseconds since 1970. Default the process's steady clock. It dates memories and says which are past their time. */
  readonly clock?: Clock;
  /** Makes vectors of texts, so that `search` also ranks by meaning. Default: by words alone. */
  readonly embed?: EmbedOptions;
  /**
   * About how much memory of the process the indexes of all users take that are kept for `search`, in bytes: 16 MiB to 64 GiB.
   * Default 256 MiB. One user's may take half of it; of more memories, the newest are searched.
   */
  readonly maxIndexBytes?: number;
}

/** Whose memories are meant: those of a user, or those of a whole tenant. */
export type MemoriesOf = UserIdentity | { readonly tenant: string };

/** Something that is remembered. */
export interface Memory {
  /** Its name, unique for the user or tenant. It stays when the content changes. */
  readonly id: string;
  /** What is remembered. */
  readonly content: string;
  /** What it is about. */
  readonly topics: readonly string[];
  /** The caller's own fields. */
  readonly metadata: Readonly<Record<string, JsonValue>>;
  /** The run that learned it. */
  readonly run?: string;
  /** When it was added. */
  readonly createdAt: Date;
  /** When it was added or updated. */
  readonly updatedAt: Date;
  /** From this time on there is no such memory any more. Absent: it stays. */
  readonly expiresAt?: Date;
  /** The event that wrote it; `expect` takes it. */
  readonly eventId: EventId;
}

/** What is known of a memory beside its content. */
export interface AboutMemory {
  /** What it is about: up to 32 names of 1 to 255 UTF-8 bytes. Default none. */
  readonly topics?: readonly string[];
  /** The caller's own fields, up to 65,536 UTF-8 bytes of JSON. Default `{}`. */
  readonly metadata?: Readonly<Record<string, JsonInput>>;
  /** The run that learned it: 1 to 255 UTF-8 bytes. */
  readonly run?: string;
}

/** How a memory is added, in a unit of `together`. */
export interface AddMemory extends AboutMemory {
  /** Its name: 1 to 105 UTF-8 bytes, unique for the user or tenant. It makes the call happen once. Default a new ULID. */
  readonly id?: string;
  /** For how long it is remembered, in milliseconds from now: 1 to ten years. Default for good. */
  readonly ttlMs?: number;
}

/** How a memory is added. */
export interface AddMemoryOptions extends AddMemory, CallOptions {}

/** What of a memory is changed. What is left out stays. */
export interface MemoryChanges extends AboutMemory {
  /** What is remembered from now on: 1 to 65,536 UTF-8 bytes. */
  readonly content?: string;
  /** For how long it is remembered, in milliseconds from now; `null`: for good. */
  readonly ttlMs?: number | null;
}

/** Under which condition a memory is updated or deleted, in a unit of `together`. */
export interface MemoryCondition {
  /** Only if the memory was written by this event. */
  readonly expect?: EventId;
}

/** How a memory is updated or deleted. */
export interface ChangeMemoryOptions extends MemoryCondition, CallOptions {}

/** What came of an `add` or an `update`. */
export interface MemoryReceipt {
  /** The memory's name. Of a duplicate, it is that of the memory which was there. */
  readonly id: string;
  /** Nothing was written: there is a memory with this content, or the same call took effect before. */
  readonly duplicate: boolean;
  /** Why there is no vector of the content, so that it is found by its words alone. `embedMissing` makes up for it. */
  readonly embedFailure?: unknown;
}

/** Which memories are meant. */
export interface MemoryFilter {
  /** Only memories about one of these at least. */
  readonly topics?: readonly string[];
  /** Only memories whose metadata has these fields with exactly these values. */
  readonly filter?: Readonly<Record<string, JsonInput>>;
}

/** Which memories `read` returns. */
export interface ReadMemoriesOptions extends MemoryFilter, CallOptions {
  /** 1 to 1,000. Default 50. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** A page of memories. */
export interface MemoryPage {
  /**
   * Those added last come first. They can be fewer than `limit` though there are more: one call reads 10,000 memories at most,
   * and about 16 MiB of them.
   */
  readonly memories: readonly Memory[];
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
}

/** Which of the memories that are found `search` returns. */
export interface SearchMemoriesOptions extends MemoryFilter, CallOptions {
  /** 1 to 100. Default 10. */
  readonly limit?: number;
}

/** A memory that was found. */
export interface FoundMemory {
  /** The memory, as it is now. */
  readonly memory: Memory;
  /** How well it fits, larger than 0. Only comparable within one search. */
  readonly score: number;
  /** How near its meaning is to that of the query: the cosine of their vectors, up to 1. Absent where one has none. */
  readonly similarity?: number;
}

/** What a search found. */
export interface MemorySearch {
  /** The best first. */
  readonly found: readonly FoundMemory[];
  /** Why the query has no vector, so that the search was one by words alone. */
  readonly embedFailure?: unknown;
  /** What was not searched, or not by meaning. All numbers are 0 most of the time. */
  readonly notSearched: NotSearchedMemories;
}

/** Memories that a search did not look at, or not wholly. */
export interface NotSearchedMemories {
  /** What is stored of them is damaged. */
  readonly damaged: number;
  /** There was no room for them in memory. */
  readonly beyondMemory: number;
  /** They have no vector of the model that is in use, so their words alone were searched. 0 without `embed`. */
  readonly notEmbedded: number;
}

/** How much one call of `embedMissing` does. */
export interface EmbedMissingOptions extends CallOptions {
  /** How many memories it looks at: 1 to 10,000. Default 1,000. */
  readonly limit?: number | undefined;
  /** The `next` of the call before. */
  readonly after?: string | undefined;
}

/** What a call of `embedMissing` did. */
export interface EmbeddedMissing {
  /** How many memories have got a vector. */
  readonly embedded: number;
  /** How many are still without one, of those that it looked at. */
  readonly failed: number;
  /** Why, of one of them. */
  readonly embedFailure?: unknown;
  /** Pass it on as `after`: there are more memories. */
  readonly next?: string;
}
