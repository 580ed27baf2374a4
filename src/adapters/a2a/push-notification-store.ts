import type { TaskPushNotificationConfig } from "@a2a-js/sdk";
import type {
  PushNotificationStore,
  ServerCallContext,
  StoredPushNotificationConfig,
} from "@a2a-js/sdk/server";
import { recordsUnder } from "../../content/paging.js";
import type { SessionIdentity, StateStore } from "../../contract/store.js";
import { newEventId } from "../../process/event-id.js";
import { cellAt, decodeRecord, readStore } from "../../typed/cell.js";
import { digestOf } from "../../typed/names.js";
import { transact } from "../../typed/transact.js";
import { type A2AStoreOptions, protocolCodec, readSession } from "./stored.js";

/** A configuration as it is stored. `order` is that of the saves. */
interface Stored extends StoredPushNotificationConfig {
  readonly order: string;
}

const CONFIG = protocolCodec<Stored>("pushNotificationConfig");
/** What callers speak who name no version. */
const OLDEST_VERSION = "0.3";

/** Where clients want to be told of their tasks. A configuration belongs to the tenant and user of the call that saved it. */
export class GroundstatePushNotificationStore implements PushNotificationStore {
  readonly #store: StateStore;
  readonly #sessionOf: (context: ServerCallContext) => SessionIdentity;

  constructor(store: StateStore, options: A2AStoreOptions) {
    this.#store = readStore(store);
    this.#sessionOf = readSession(options);
  }

  /** Saves a configuration in the place of what was saved under its id. One without an id gets one. */
  async save(taskId: string, context: ServerCallContext, config: TaskPushNotificationConfig): Promise<void> {
    if (!config.id) config.id = newEventId();
    const wireVersion = context.requestedVersion || OLDEST_VERSION;
    const cell = cellAt(this.#sessionOf(context), kindOf(taskId, config.id), CONFIG);
    await transact(this.#store, (transaction) =>
      transaction.set(cell, { config, wireVersion, order: newEventId() }),
    );
  }

  async load(taskId: string, context: ServerCallContext): Promise<TaskPushNotificationConfig[]> {
    return (await this.loadWithMetadata(taskId, context)).map(({ config }) => config);
  }

  /** The configurations of a task with the version of the protocol that each was saved over, in the order of the saves. */
  async loadWithMetadata(
    taskId: string,
    context: ServerCallContext,
  ): Promise<StoredPushNotificationConfig[]> {
    const found: Stored[] = [];
    for await (const page of recordsUnder(this.#store, this.#sessionOf(context), prefixOf(taskId), {}))
      found.push(...(await Promise.all(page.map((record) => decodeRecord(CONFIG, record)))));
    return found
      .sort((one, other) => (one.order < other.order ? -1 : 1))
      .map(({ config, wireVersion }) => ({ config, wireVersion }));
  }

  /** Removes a configuration; without its id, the one that has the id of the task. */
  async delete(taskId: string, context: ServerCallContext, configId = taskId): Promise<void> {
    await this.#store.delete(this.#sessionOf(context), kindOf(taskId, configId));
  }
}

function prefixOf(taskId: string): string {
  return `a2a.push/${digestOf(taskId)}/`;
}

function kindOf(taskId: string, configId: string): string {
  return prefixOf(taskId) + digestOf(configId);
}
