import type { StateStore } from "../contract/store.js";
import { Memories } from "./memories.js";
import type { MemoriesOptions } from "./memory.js";

/**
 * What is remembered about users, or in a whole tenant, found by words and by meaning.
 *
 * @example
 * ```ts
 * import { createMemories } from "groundstate/memories";
 *
 * const memories = createMemories(store);
 * const ada = { tenant: "acme", user: "ada" };
 * await memories.add(ada, "Is allergic to peanuts.", { topics: ["food"] });
 * const { found } = await memories.search(ada, "peanut allergy", { topics: ["food"], limit: 5 });
 * for (const { memory, score } of found) console.log(memory.content, score);
 * ```
 */
export function createMemories(store: StateStore, options?: MemoriesOptions): Memories {
  return new Memories(store, options);
}

export type { Cleanup, CleanupOptions } from "../content/clean-up-due.js";
export type { EmbedOptions } from "./embed-options.js";
export type { MemoriesInUnit } from "./in-unit.js";
export type { Memories } from "./memories.js";
export type {
  AboutMemory,
  AddMemory,
  AddMemoryOptions,
  ChangeMemoryOptions,
  EmbeddedMissing,
  EmbedMissingOptions,
  FoundMemory,
  MemoriesOf,
  MemoriesOptions,
  Memory,
  MemoryChanges,
  MemoryCondition,
  MemoryFilter,
  MemoryPage,
  MemoryReceipt,
  MemorySearch,
  NotSearchedMemories,
  ReadMemoriesOptions,
  SearchMemoriesOptions,
} from "./memory.js";
