// Declares an error code that programs see.
import "../typed/already-exists.js";
import type { StateStore } from "../contract/store.js";
import type { JsonInputOf, JsonValue } from "../typed/json-value.js";
import { Checkpoints, type CheckpointsOptions } from "./checkpoints.js";

/**
 * Snapshots to resume from. `V` are the values of channels.
 *
 * @example
 * ```ts
 * import { createCheckpoints } from "groundstate/checkpoints";
 *
 * const saved = createCheckpoints(store);
 * const place = { lineage: "thread-1" };
 * await saved.put(session, { ...place, id: "c-1", values: { plan: ["read"], done: 0 } });
 * await saved.put(session, { ...place, id: "c-2", parent: "c-1", values: { done: 1 }, inherit: true });
 * const last = await saved.latest(session, place);
 * console.log(last?.id, last?.values); // c-2 { plan: ["read"], done: 1 }
 * ```
 */
export function createCheckpoints<V = JsonValue, Input = JsonInputOf<V>>(
  store: StateStore,
  options?: CheckpointsOptions<V, Input>,
): Checkpoints<V, Input> {
  return new Checkpoints(store, options);
}

export type {
  ChannelVersion,
  Checkpoint,
  CheckpointInfo,
  CheckpointPlace,
  CheckpointRef,
  CheckpointTuple,
  LineageInfo,
  PendingWrite,
} from "./checkpoint.js";
export type {
  CheckpointPage,
  Checkpoints,
  CheckpointsOptions,
  ForkOptions,
  HistoryOptions,
  ListCheckpointsOptions,
  PruneOptions,
  RecoverOptions,
} from "./checkpoints.js";
export type { CheckpointsInUnit } from "./in-unit.js";
export type { NewCheckpoint } from "./new-checkpoint.js";
export type { Pruned } from "./prune.js";
export type { PutResult } from "./putting.js";
export type { NewWrites } from "./reading-input.js";
export type { NewWrite, TaskWrites } from "./writes.js";
