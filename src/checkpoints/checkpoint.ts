import type { JsonValue } from "../typed/json-value.js";

/** A channel's version: the caller's text or number, or a number that is counted from 1. */
export type ChannelVersion = string | number;

/** A place for checkpoints in a session. */
export interface CheckpointPlace {
  /** The line of work, such as a thread or a run: 1 to 512 UTF-8 bytes. */
  readonly lineage: string;
  /** The part of the lineage that is counted on its own, such as a subgraph: up to 512 UTF-8 bytes. Default `""`. */
  readonly namespace?: string;
}

/** One checkpoint. */
export interface CheckpointRef extends CheckpointPlace {
  /** Its id: 1 to 105 UTF-8 bytes. */
  readonly id: string;
}

/** A checkpoint without its values. */
export interface CheckpointInfo {
  /** The lineage that it was read from. */
  readonly lineage: string;
  /** Its namespace; `""` is the lineage's own. */
  readonly namespace: string;
  /** The caller's id, or one that was made. */
  readonly id: string;
  /** Its place in the order of all checkpoints of the lineage, from 1 on; numbers have gaps. */
  readonly number: number;
  /** The id of the checkpoint of the same namespace that it follows. It need not exist any more. */
  readonly parent?: string;
  /** The checkpoints of other namespaces that it belongs to, by namespace. */
  readonly parents?: Readonly<Record<string, string>>;
  /** The ancestor without which it cannot be used. */
  readonly dependsOn?: string;
  /** The caller's step. */
  readonly step?: number;
  /** What the step used, in the caller's words. */
  readonly usage?: JsonValue;
  /** The caller's own fields. */
  readonly metadata: Readonly<Record<string, JsonValue>>;
  /** When it was put. */
  readonly at: Date;
}

/** A checkpoint with the values of its channels. */
export interface Checkpoint<V> extends CheckpointInfo {
  /** The values by channel. */
  readonly values: Readonly<Record<string, V>>;
  /** The versions by channel, also of channels that have a version and no value. */
  readonly versions: Readonly<Record<string, ChannelVersion>>;
}

/** A pending write: what a task has done for the checkpoint after this one. */
export interface PendingWrite<V> {
  /** The task that wrote it. */
  readonly task: string;
  /** Where the task stands, in the caller's words. */
  readonly path?: string;
  /** Its place among the writes of the task. */
  readonly index: number;
  /** The channel. */
  readonly channel: string;
  /** The value. */
  readonly value: V;
}

/** A checkpoint with its pending writes. */
export interface CheckpointTuple<V> {
  /** The checkpoint. */
  readonly checkpoint: Checkpoint<V>;
  /** Its pending writes, by path, task and index. */
  readonly writes: readonly PendingWrite<V>[];
}

/** A lineage of a session. */
export interface LineageInfo {
  /** Its name. */
  readonly lineage: string;
  /** When it began. */
  readonly createdAt: Date;
  /** The lineage that it was copied from. */
  readonly forkedFrom?: string;
}
