import type { Checkpoint, CheckpointMetadata } from "@langchain/langgraph-checkpoint";

/**
 * Whether a checkpoint can be read without those before it. A delta channel that it does not hold is made of what was written
 * since an ancestor that does; LangGraph counts in the metadata how long ago each such channel was stored.
 */
export function isWhole(
  { channel_values: values }: Checkpoint,
  { counters_since_delta_snapshot: counters = {} }: CheckpointMetadata,
): boolean {
  return Object.keys(counters).every((channel) => Object.hasOwn(values, channel));
}
