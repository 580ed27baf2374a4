import { randomBytes } from "node:crypto";
import type {
  CreateTaskOptions,
  TaskStore,
} from "@modelcontextprotocol/sdk/experimental/tasks/interfaces.js";
import type { Request, RequestId, Result, Task } from "@modelcontextprotocol/sdk/types.js";
import { pageUnder } from "../../content/page-under.js";
import { recordsUnder } from "../../content/paging.js";
import { removeUnchanged } from "../../content/remove-unchanged.js";
import { invalid, StateError } from "../../contract/errors.js";
import type { SessionIdentity, StateRecord, StateStore } from "../../contract/store.js";
import { cellAt, decodeRecord, readStore } from "../../typed/cell.js";
import { mappedJson } from "../../typed/codec.js";
import type { JsonValue } from "../../typed/json-value.js";
import { type Clock, readClock, timeKey } from "../../typed/time.js";
import { transact } from "../../typed/transact.js";
import { readNamed } from "../../validation/validate.js";
import { conditionNotMet } from "../condition-not-met.js";
import { fromJsonWithBytes, toJsonWithBytes } from "../json-with-bytes.js";
import { type Owner, readOwnSession } from "../owner.js";
import { SESSION } from "./session.js";

/** The options of a `GroundstateTaskStore`. */
export interface TaskStoreOptions {
  /** Whose tasks they are. */
  readonly owner: Owner;
  /** Milliseconds since 1970. Default the process's clock. */
  readonly clock?: Clock;
}

/** A task as it is stored. */
interface Stored {
  readonly task: Task;
  readonly requestId: RequestId;
  readonly request: Request;
  readonly sessionId?: string | undefined;
  readonly result?: Result | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAt?: number | undefined;
}

const TASKS = "mcp.task/";
const PAGE = 10;
const POLL_INTERVAL_MS = 1_000;
const TASK_ID = /^[0-9a-z]{9}-[0-9a-f]{32}$/;
const CODEC = mappedJson<Stored>({
  write: (stored) => toJsonWithBytes(stored, "task"),
  read: (value) => fromJsonWithBytes(value as JsonValue) as Stored,
});

/**
 * Tasks of MCP servers; experimental, as they are in the SDK. A task that was created in a session is found by that session, and by
 * callers that name none. A task with a `ttl` is there for nobody once its time is over, which begins anew with its result.
 * NOT_FOUND for a task that is not there, CONDITION_FAILED for one that has ended.
 */
export class GroundstateTaskStore implements TaskStore {
  readonly #store: StateStore;
  readonly #owner: () => SessionIdentity;
  readonly #now: Clock;

  constructor(store: StateStore, options: TaskStoreOptions) {
    readNamed(options, "options", ["owner", "clock"]);
    this.#store = readStore(store);
    this.#owner = readOwnSession(options.owner, SESSION);
    this.#now = readClock(options);
  }

  async createTask(
    { ttl = null, pollInterval = POLL_INTERVAL_MS }: CreateTaskOptions,
    requestId: RequestId,
    request: Request,
    sessionId?: string,
  ): Promise<Task> {
    const now = this.#now();
    // In the order of their times, and not to be guessed.
    const taskId = `${now.toString(36).padStart(9, "0")}-${randomBytes(16).toString("hex")}`;
    const at = timeKey(now);
    const task: Task = { taskId, status: "working", ttl, createdAt: at, lastUpdatedAt: at, pollInterval };
    const stored = { task, requestId, request, sessionId, expiresAt: expiryOf(ttl, now) };
    await transact(this.#store, (transaction) => transaction.create(this.#cell(taskId), stored));
    return task;
  }

  async getTask(taskId: string, sessionId?: string): Promise<Task | null> {
    return (await this.#find(taskId, sessionId))?.task ?? null;
  }

  /** Ends the task with its result. Of several callers at once one does. */
  async storeTaskResult(
    taskId: string,
    status: "completed" | "failed",
    result: Result,
    sessionId?: string,
  ): Promise<void> {
    await this.#change(taskId, sessionId, ({ task, ...stored }, now) => ({
      ...stored,
      task: { ...task, status, lastUpdatedAt: timeKey(now) },
      result,
      expiresAt: expiryOf(task.ttl, now),
    }));
  }

  async getTaskResult(taskId: string, sessionId?: string): Promise<Result> {
    const found = await this.#find(taskId, sessionId);
    if (found === undefined) throw noSuchTask();
    if (found.result === undefined)
      throw new StateError("NOT_FOUND", "the task has no result yet", { details: {} });
    return found.result;
  }

  async updateTaskStatus(
    taskId: string,
    status: Task["status"],
    statusMessage?: string,
    sessionId?: string,
  ): Promise<void> {
    await this.#change(taskId, sessionId, ({ task, ...stored }, now) => ({
      ...stored,
      task: { ...task, status, lastUpdatedAt: timeKey(now), ...(statusMessage && { statusMessage }) },
      ...(isTerminal(status) && { expiresAt: expiryOf(task.ttl, now) }),
    }));
  }

  /** Ten tasks, oldest first. */
  async listTasks(cursor?: string, sessionId?: string): Promise<{ tasks: Task[]; nextCursor?: string }> {
    if (cursor !== undefined && !TASK_ID.test(cursor)) throw invalid("cursor", "the nextCursor of a page");
    const after = cursor === undefined ? undefined : TASKS + cursor;
    const range = { prefix: TASKS, limit: PAGE, after, signal: undefined };
    const { values, next } = await pageUnder(this.#store, this.#owner(), range, (record) =>
      this.#seen(record, sessionId),
    );
    const tasks = values.map(({ task }) => task);
    return { tasks, ...(next !== undefined && { nextCursor: next.slice(TASKS.length) }) };
  }

  /** Removes the owner's tasks that are past their time. Returns how many. It reads all tasks, page by page. */
  async cleanup(): Promise<number> {
    let removed = 0;
    for await (const page of recordsUnder(this.#store, this.#owner(), TASKS, {})) {
      const tasks = await Promise.all(page.map((record) => decodeRecord(CODEC, record)));
      const removals = page
        .filter((_, at) => !this.#isLive(tasks[at] as Stored))
        .map(({ identity, kind, eventId }) => [{ op: "delete" as const, identity, kind, expect: eventId }]);
      removed += (await removeUnchanged(this.#store, removals, [], {})).removed;
    }
    return removed;
  }

  async #find(taskId: string, sessionId: string | undefined): Promise<Stored | undefined> {
    if (!TASK_ID.test(taskId)) return undefined;
    const record = await this.#store.find(this.#owner(), TASKS + taskId);
    return record && this.#seen(record, sessionId);
  }

  async #seen(record: StateRecord, sessionId: string | undefined): Promise<Stored | undefined> {
    const stored = await decodeRecord(CODEC, record);
    return this.#isLive(stored) && mayBeSeen(stored, sessionId) ? stored : undefined;
  }

  #isLive({ expiresAt }: Stored): boolean {
    return expiresAt === undefined || expiresAt > this.#now();
  }

  async #change(
    taskId: string,
    sessionId: string | undefined,
    change: (stored: Stored, now: number) => Stored,
  ): Promise<void> {
    if (!TASK_ID.test(taskId)) throw noSuchTask();
    const cell = this.#cell(taskId);
    await transact(
      this.#store,
      async (transaction) => {
        const stored = await transaction.get(cell);
        if (stored === undefined || !this.#isLive(stored) || !mayBeSeen(stored, sessionId))
          throw noSuchTask();
        if (isTerminal(stored.task.status))
          throw conditionNotMet(cell, `the task has ended before: it is ${stored.task.status}`);
        await transaction.set(cell, change(stored, this.#now()));
      },
      { turn: cell },
    );
  }

  #cell(taskId: string) {
    return cellAt(this.#owner(), TASKS + taskId, CODEC);
  }
}

function mayBeSeen(stored: Stored, sessionId: string | undefined): boolean {
  return sessionId === undefined || stored.sessionId === undefined || stored.sessionId === sessionId;
}

function isTerminal(status: Task["status"]): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

function expiryOf(ttl: number | null | undefined, now: number): number | undefined {
  return ttl ? now + ttl : undefined;
}

function noSuchTask(): StateError<"NOT_FOUND"> {
  return new StateError("NOT_FOUND", "there is no such task", { details: {} });
}
