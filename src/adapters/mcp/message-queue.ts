import type {
  QueuedMessage,
  TaskMessageQueue,
} from "@modelcontextprotocol/sdk/experimental/tasks/interfaces.js";
import type { SessionIdentity, StateStore } from "../../contract/store.js";
import { cellAt, readStore } from "../../typed/cell.js";
import { json, mappedJson } from "../../typed/codec.js";
import type { JsonValue } from "../../typed/json-value.js";
import { digestOf } from "../../typed/names.js";
import { transact } from "../../typed/transact.js";
import type { Transaction } from "../../typed/transaction.js";
import { readNamed } from "../../validation/validate.js";
import { conditionNotMet } from "../condition-not-met.js";
import { fromJsonWithBytes, toJsonWithBytes } from "../json-with-bytes.js";
import { type Owner, readOwnSession } from "../owner.js";
import { SESSION } from "./session.js";

/** The options of a `GroundstateTaskMessageQueue`. */
export interface TaskMessageQueueOptions {
  /** Whose messages they are. */
  readonly owner: Owner;
}

/** The numbers of the first message and of the next one to come. */
interface Bounds {
  readonly first: number;
  readonly next: number;
}

const BOUNDS = json<Bounds>();
const MESSAGE = mappedJson<QueuedMessage>({
  write: (message) => toJsonWithBytes(message, "message"),
  read: (value) => fromJsonWithBytes(value as JsonValue) as QueuedMessage,
});
const AT_ONCE = 500;

/**
 * Messages for the requestors of tasks, first in, first out; experimental, as in the SDK. Each message goes to one caller, in
 * whatever process. A queue is its task's, whatever the session: task ids are known to their sessions alone.
 */
export class GroundstateTaskMessageQueue implements TaskMessageQueue {
  readonly #store: StateStore;
  readonly #owner: () => SessionIdentity;

  constructor(store: StateStore, options: TaskMessageQueueOptions) {
    readNamed(options, "options", ["owner"]);
    this.#store = readStore(store);
    this.#owner = readOwnSession(options.owner, SESSION);
  }

  /** CONDITION_FAILED where the queue holds `maxSize` messages. */
  async enqueue(
    taskId: string,
    message: QueuedMessage,
    _sessionId?: string,
    maxSize?: number,
  ): Promise<void> {
    await this.#withBounds(taskId, async (transaction, { first, next }) => {
      const cell = this.#message(taskId, next);
      if (maxSize !== undefined && next - first >= maxSize)
        throw conditionNotMet(cell, `the queue holds ${maxSize} messages, which is the most that it may`);
      await transaction.create(cell, message);
      return { bounds: { first, next: next + 1 }, result: undefined };
    });
  }

  async dequeue(taskId: string): Promise<QueuedMessage | undefined> {
    return (await this.#take(taskId, 1))[0];
  }

  async dequeueAll(taskId: string): Promise<QueuedMessage[]> {
    const all: QueuedMessage[] = [];
    for (;;) {
      const taken = await this.#take(taskId, AT_ONCE);
      all.push(...taken);
      if (taken.length < AT_ONCE) return all;
    }
  }

  #take(taskId: string, most: number): Promise<QueuedMessage[]> {
    return this.#withBounds(taskId, async (transaction, { first, next }) => {
      const end = Math.min(next, first + most);
      const cells = Array.from({ length: end - first }, (_, at) => this.#message(taskId, first + at));
      const messages = await Promise.all(cells.map((cell) => transaction.get(cell)));
      for (const cell of cells) transaction.delete(cell);
      return { bounds: { first: end, next }, result: messages.filter((message) => message !== undefined) };
    });
  }

  #withBounds<R>(
    taskId: string,
    work: (
      transaction: Transaction,
      bounds: Bounds,
    ) => Promise<{ readonly bounds: Bounds; readonly result: R }>,
  ): Promise<R> {
    const cell = cellAt(this.#owner(), `${prefixOf(taskId)}bounds`, BOUNDS);
    return transact(
      this.#store,
      async (transaction) => {
        const before = await transaction.get(cell);
        const { bounds, result } = await work(transaction, before ?? { first: 0, next: 0 });
        if (bounds.first < bounds.next) await transaction.set(cell, bounds);
        else if (before !== undefined) transaction.delete(cell);
        return result;
      },
      { turn: cell },
    );
  }

  #message(taskId: string, number: number) {
    return cellAt(this.#owner(), `${prefixOf(taskId)}${String(number).padStart(12, "0")}`, MESSAGE);
  }
}

function prefixOf(taskId: string): string {
  return `mcp.message/${digestOf(taskId)}/`;
}
