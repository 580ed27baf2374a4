import {
  BaseCheckpointSaver,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointPendingWrite,
  type CheckpointTuple,
  compareWritesSortKeys,
  maxChannelVersion,
  type PendingWrite,
  type SerializerProtocol,
  TASKS,
  WRITES_IDX_MAP,
  writesSortKey,
} from "@langchain/langgraph-checkpoint";
import {
  type CheckpointInfo,
  type Checkpoints,
  createCheckpoints,
  type CheckpointTuple as StoredTuple,
} from "../../checkpoints/index.js";
import { wrongType } from "../../contract/errors.js";
import type { SessionIdentity, StateStore, UserIdentity } from "../../contract/store.js";
import { hasFields } from "../../typed/has-fields.js";
import type { JsonInput, JsonValue } from "../../typed/json-value.js";
import { readNamed } from "../../validation/validate.js";
import { type Owner, readOwner } from "../owner.js";
import { isWhole } from "./delta-channels.js";
import {
  type Config,
  type Configurable,
  checkpointIdOf,
  configOf,
  LINEAGE,
  namespaceOf,
  placeOf,
  sessionOf,
} from "./place.js";
import { type Held, serializedBy } from "./serialized.js";
import { fieldsOf, metadataIn, storedFields } from "./stored-fields.js";

/** The options of a `GroundstateSaver`. */
export interface SaverOptions {
  /** Whose threads they are. A function is given the `configurable` of the call. */
  readonly owner: Owner<Configurable>;
  /** Serializes channels, writes and metadata. Default the framework's own. */
  readonly serde?: SerializerProtocol;
}

type Fields = Readonly<Record<string, JsonValue>>;

const PAGE = 100;
/** The first version of checkpoints that hold the tasks to run next in a channel. */
const TASKS_IN_CHANNEL = 4;

/**
 * A checkpointer for LangGraph. A thread is a session of its owner; its checkpoints are the lineage `langgraph` of that session, so
 * they go when the session is deleted, and `groundstate/checkpoints` reads, prunes and forks them.
 *
 * The latest checkpoint of a thread is the one that was put last. One that was put twice is there once; other content under its
 * id is IDEMPOTENCY_CONFLICT. Every method rejects with the errors of the store.
 */
export class GroundstateSaver extends BaseCheckpointSaver<number> {
  readonly #checkpoints: Checkpoints<Held, Held>;
  readonly #store: StateStore;
  readonly #ownerOf: (configurable: Configurable) => UserIdentity;

  constructor(store: StateStore, options: SaverOptions) {
    readNamed(options, "options", ["owner", "serde"]);
    super(options.serde);
    this.#store = store;
    this.#ownerOf = readOwner(options.owner);
    this.#checkpoints = createCheckpoints(store, { codec: serializedBy(this.serde) });
  }

  /** The checkpoint that the configuration names, or the latest of its thread and namespace, with what is pending for it. */
  async getTuple({ configurable = {} }: Config): Promise<CheckpointTuple | undefined> {
    if (configurable.thread_id === undefined) return undefined;
    const id = checkpointIdOf(configurable);
    const place = { ...placeOf(namespaceOf(configurable)), ...(id !== undefined && { id }) };
    const session = this.#sessionOf(configurable);
    const found = await this.#checkpoints.tuple(session, place);
    return found && this.#tupleOf(session, found);
  }

  /**
   * The checkpoints of a thread, newest first, of one namespace or of all. Without a thread, those of all threads of the owner,
   * one thread after another.
   */
  async *list(
    { configurable = {} }: Config,
    options: CheckpointListOptions = {},
  ): AsyncGenerator<CheckpointTuple> {
    const { limit = Number.POSITIVE_INFINITY, filter = {} } = options;
    const only = checkpointIdOf(configurable);
    const before = checkpointIdOf(options.before?.configurable ?? {});
    let left = limit;
    if (left <= 0) return;
    for await (const [session, namespace] of this.#places(configurable))
      for await (const info of this.#infos(session, namespace, before)) {
        if (only !== undefined && info.id !== only) continue;
        const metadata = await metadataIn(this.serde, storedFields(info));
        if (!hasFields(metadata as Fields, filter)) continue;
        const found = await this.#checkpoints.tuple(session, { lineage: LINEAGE, namespace, id: info.id });
        // It was removed meanwhile.
        if (found === undefined) continue;
        yield this.#tupleOf(session, found);
        left -= 1;
        if (left === 0) return;
      }
  }

  /** Puts a checkpoint after the one that the configuration names. Channels of an unchanged version are not stored again. */
  async put(
    { configurable = {} }: Config,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<Config> {
    const { thread_id: thread } = configurable;
    const session = this.#sessionOf(configurable);
    const namespace = namespaceOf(configurable);
    const parent = checkpointIdOf(configurable);
    const values = Object.entries(checkpoint.channel_values)
      // Without a parent there is nothing that an unchanged channel could be taken from.
      .filter(
        ([channel, value]) =>
          value !== undefined && (parent !== undefined || Object.hasOwn(newVersions, channel)),
      )
      .map(([channel, value]) => [channel, { value }] as const);
    await this.#checkpoints.put(session, {
      ...placeOf(namespace),
      id: checkpoint.id,
      ...(parent !== undefined && { parent }),
      // The parent in turn depends on its own, back to one that is whole.
      ...(parent !== undefined && !isWhole(checkpoint, metadata) && { dependsOn: parent }),
      values: Object.fromEntries(values),
      versions: checkpoint.channel_versions,
      metadata: { ...(await fieldsOf(this.serde, { thread, namespace }, checkpoint, metadata)) },
      usage: checkpoint.versions_seen as JsonInput,
    });
    return configOf(thread, namespace, checkpoint.id);
  }

  /** Puts what a task has written. A write that is there stays; errors, interrupts and resumes are overwritten. */
  async putWrites(
    { configurable = {} }: Config,
    writes: PendingWrite[],
    task: string,
    path = "",
  ): Promise<void> {
    const session = this.#sessionOf(configurable);
    const id = checkpointIdOf(configurable);
    if (id === undefined) throw wrongType("checkpoint_id", "a text of `configurable`", id);
    if (writes.length === 0) return;
    const byIndex = new Map(
      writes.map(([channel, value], at) => {
        const index = Object.hasOwn(WRITES_IDX_MAP, channel) ? (WRITES_IDX_MAP[channel] ?? at) : at;
        return [index, { channel, value: { value }, index }];
      }),
    );
    await this.#checkpoints.putWrites(session, {
      ...placeOf(namespaceOf(configurable)),
      id,
      task,
      path,
      writes: [...byIndex.values()],
      existing: "keep",
    });
  }

  /** Removes the checkpoints of a thread in one commit, however many they are; nothing else of its session. */
  async deleteThread(threadId: string): Promise<void> {
    await this.#checkpoints.deleteLineage(this.#sessionOf({ thread_id: threadId }), LINEAGE);
  }

  #sessionOf(configurable: Configurable): SessionIdentity {
    return sessionOf(this.#ownerOf(configurable), configurable.thread_id);
  }

  async *#places(configurable: Configurable): AsyncGenerator<readonly [SessionIdentity, string]> {
    for await (const session of this.#sessions(configurable)) {
      const namespaces =
        configurable.checkpoint_ns === undefined
          ? await this.#checkpoints.namespaces(session, LINEAGE)
          : [placeOf(namespaceOf(configurable)).namespace];
      for (const namespace of namespaces) yield [session, namespace];
    }
  }

  async *#sessions(configurable: Configurable): AsyncGenerator<SessionIdentity> {
    if (configurable.thread_id !== undefined) {
      yield this.#sessionOf(configurable);
      return;
    }
    const owner = this.#ownerOf(configurable);
    for (let after: string | undefined; ; ) {
      const page = await this.#store.listSessions(owner, { after, limit: PAGE });
      yield* page;
      after = page.at(-1)?.session;
      if (page.length < PAGE) return;
    }
  }

  async *#infos(
    session: SessionIdentity,
    namespace: string,
    before?: string,
  ): AsyncGenerator<CheckpointInfo> {
    const place = { lineage: LINEAGE, namespace };
    const last = before && (await this.#checkpoints.find(session, { ...place, id: before }));
    for (let after = last ? last.number : undefined; ; ) {
      const { checkpoints, next } = await this.#checkpoints.list(session, place, { after, limit: PAGE });
      // A checkpoint of another place bounds those of this one by its id, which holds its time.
      for (const info of checkpoints) if (!before || last || info.id < before) yield info;
      if (next === undefined) return;
      after = next;
    }
  }

  async #tupleOf(
    session: SessionIdentity,
    { checkpoint, writes }: StoredTuple<Held>,
  ): Promise<CheckpointTuple> {
    const { id, parent, namespace: name } = checkpoint;
    const fields = storedFields(checkpoint);
    const { thread, namespace, v, ts } = fields;
    const read: Checkpoint = {
      v,
      id,
      ts,
      channel_values: valuesOf(checkpoint.values),
      channel_versions: { ...checkpoint.versions },
      versions_seen: (checkpoint.usage ?? {}) as Checkpoint["versions_seen"],
    };
    if (v < TASKS_IN_CHANNEL && parent !== undefined) {
      const sends = await this.#sendsOf(session, name, parent);
      read.channel_values[TASKS] = sends;
      const versions = Object.values(read.channel_versions);
      read.channel_versions[TASKS] =
        versions.length > 0 ? maxChannelVersion(...versions) : this.getNextVersion(undefined);
    }
    return {
      config: configOf(thread, namespace, id),
      checkpoint: read,
      metadata: await metadataIn(this.serde, fields),
      pendingWrites: inOrder(writes),
      ...(parent !== undefined && { parentConfig: configOf(thread, namespace, parent) }),
    };
  }

  /** What a checkpoint of an older version was followed by. */
  async #sendsOf(session: SessionIdentity, namespace: string, id: string): Promise<unknown[]> {
    const found = await this.#checkpoints.tuple(session, { lineage: LINEAGE, namespace, id });
    return inOrder(found?.writes ?? [])
      .filter(([, channel]) => channel === TASKS)
      .map(([, , value]) => value);
  }
}

function valuesOf(values: Readonly<Record<string, Held>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([channel, { value }]) => [channel, value]));
}

function inOrder(writes: StoredTuple<Held>["writes"]): CheckpointPendingWrite[] {
  return writes
    .map(({ task, path = "", index, channel, value: { value } }) => ({
      key: writesSortKey(path, task, index),
      write: [task, channel, value] as CheckpointPendingWrite,
    }))
    .sort((one, other) => compareWritesSortKeys(one.key, other.key))
    .map(({ write }) => write);
}
