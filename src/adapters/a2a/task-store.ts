import type { ListTasksRequest, ListTasksResponse, Task } from "@a2a-js/sdk";
import type { ServerCallContext, TaskStore } from "@a2a-js/sdk/server";
import { recordsUnder } from "../../content/paging.js";
import { invalid } from "../../contract/errors.js";
import type { SessionIdentity, StateStore } from "../../contract/store.js";
import { safeName } from "../../identity/safe-name.js";
import { compareText } from "../../rules/order.js";
import { cellAt, decodeRecord, readStore } from "../../typed/cell.js";
import { json } from "../../typed/codec.js";
import { transact } from "../../typed/transact.js";
import { type A2AStoreOptions, protocolCodec, readSession } from "./stored.js";

/** What a list looks at of a task. */
interface Entry {
  readonly id: string;
  readonly contextId: string;
  readonly state: number;
  readonly timestamp: string;
}

const TASKS = "a2a.task/";
const ENTRIES = "a2a.entry/";
const TASK = protocolCodec<Task>("task");
const ENTRY = json<Entry>();
const DEFAULT_PAGE_SIZE = 50;
/** Completed, failed, canceled and rejected. */
const ENDED: readonly number[] = [3, 4, 5, 7];
const REMOVED_AT_ONCE = 500;

/**
 * Tasks of the Agent2Agent protocol. A task belongs to the tenant and user of the call that saved it; a call of another finds
 * none. A task has up to the store's `maxBytes`. Every method rejects with the errors of the store.
 */
export class GroundstateTaskStore implements TaskStore {
  readonly #store: StateStore;
  readonly #sessionOf: (context: ServerCallContext) => SessionIdentity;

  constructor(store: StateStore, options: A2AStoreOptions) {
    this.#store = readStore(store);
    this.#sessionOf = readSession(options);
  }

  /** Saves a task in the place of what was saved under its id. */
  async save(task: Task, context: ServerCallContext): Promise<void> {
    const owner = this.#sessionOf(context);
    const { id, contextId, status } = task;
    const name = safeName(id);
    const entry = { id, contextId, state: status?.state ?? 0, timestamp: status?.timestamp ?? "" };
    await transact(this.#store, async (transaction) => {
      await transaction.set(cellAt(owner, TASKS + name, TASK), task);
      await transaction.set(cellAt(owner, ENTRIES + name, ENTRY), entry);
    });
  }

  async load(taskId: string, context: ServerCallContext): Promise<Task | undefined> {
    return this.#find(this.#sessionOf(context), taskId);
  }

  /**
   * A page of tasks, those whose status is newest first. It reads an entry of some hundred bytes for each task of the owner, and
   * the tasks of the page.
   */
  async list(request: ListTasksRequest, context: ServerCallContext): Promise<ListTasksResponse> {
    const { pageSize = DEFAULT_PAGE_SIZE, pageToken, includeArtifacts = false } = request;
    const owner = this.#sessionOf(context);
    const matching = (await this.#entries(owner))
      .filter((entry) => matches(entry, request))
      .sort(newestFirst);
    const after = pageToken ? readToken(pageToken) : undefined;
    const rest = after === undefined ? matching : matching.filter((entry) => newestFirst(after, entry) < 0);
    const page = rest.slice(0, pageSize);
    const tasks = await Promise.all(page.map(({ id }) => this.#find(owner, id)));
    const last = page.at(-1);
    return {
      // One may have been removed meanwhile.
      tasks: tasks
        .filter((task) => task !== undefined)
        .map((task) => (includeArtifacts ? task : { ...task, artifacts: [] })),
      nextPageToken: last !== undefined && rest.length > page.length ? tokenOf(last) : "",
      pageSize,
      totalSize: matching.length,
    };
  }

  /** Removes the owner's tasks that had ended before a time. Returns how many. */
  async removeEnded(before: Date, context: ServerCallContext): Promise<number> {
    const owner = this.#sessionOf(context);
    const ended = (await this.#entries(owner)).filter(
      ({ state, timestamp }) => ENDED.includes(state) && Date.parse(timestamp) < before.getTime(),
    );
    for (let at = 0; at < ended.length; at += REMOVED_AT_ONCE) {
      const names = ended.slice(at, at + REMOVED_AT_ONCE).map(({ id }) => safeName(id));
      await this.#store.commit(
        names.flatMap((name) =>
          [TASKS, ENTRIES].map((kind) => ({ op: "delete" as const, identity: owner, kind: kind + name })),
        ),
      );
    }
    return ended.length;
  }

  async #find(owner: SessionIdentity, id: string): Promise<Task | undefined> {
    const record = await this.#store.find(owner, TASKS + safeName(id));
    return record && decodeRecord(TASK, record);
  }

  async #entries(owner: SessionIdentity): Promise<Entry[]> {
    const entries: Entry[] = [];
    for await (const page of recordsUnder(this.#store, owner, ENTRIES, {}))
      entries.push(...(await Promise.all(page.map((record) => decodeRecord(ENTRY, record)))));
    return entries;
  }
}

function matches(entry: Entry, { contextId, status, statusTimestampAfter }: ListTasksRequest): boolean {
  if (contextId && entry.contextId !== contextId) return false;
  if (status && entry.state !== status) return false;
  return !statusTimestampAfter || Date.parse(entry.timestamp) > Date.parse(statusTimestampAfter);
}

type Place = Pick<Entry, "timestamp" | "id">;

function newestFirst(one: Place, other: Place): number {
  return compareText(other.timestamp, one.timestamp) || compareText(other.id, one.id);
}

function tokenOf({ timestamp, id }: Place): string {
  return Buffer.from(JSON.stringify([timestamp, id])).toString("base64url");
}

function readToken(token: string): Place {
  try {
    const [timestamp, id] = JSON.parse(Buffer.from(token, "base64url").toString()) as unknown[];
    if (typeof timestamp === "string" && typeof id === "string") return { timestamp, id };
  } catch {
    // Said below, as of every other text.
  }
  throw invalid("pageToken", "the nextPageToken of a page");
}
