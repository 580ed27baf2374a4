import { hasFields } from "../typed/has-fields.js";
import type { Memory } from "./memory.js";
import { readMetadata, readTopics } from "./stored-memory.js";

/** Whether a memory is one of those that are asked for. */
export type IsWanted = (memory: Pick<Memory, "topics" | "metadata">) => boolean;

/** Reads which memories are asked for. INVALID_RECORD. */
export function readFilter(given: { readonly topics?: unknown; readonly filter?: unknown }): IsWanted {
  const topics = "topics" in given ? new Set(readTopics(given.topics)) : undefined;
  const fields = "filter" in given ? readMetadata(given.filter, "filter") : {};
  return (memory) =>
    (topics === undefined || memory.topics.some((topic) => topics.has(topic))) &&
    hasFields(memory.metadata, fields);
}
