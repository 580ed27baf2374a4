import { isDeepStrictEqual } from "node:util";
import type {
  AgentInputItem,
  SessionHistoryRewriteArgs,
  SessionHistoryRewriteAwareSession,
  SessionHistoryTransactionArgs,
  SessionHistoryTransactionAwareSession,
} from "@openai/agents-core";
import { invalid, isStateError } from "../../contract/errors.js";
import type { SessionIdentity, StateStore } from "../../contract/store.js";
import { safeName } from "../../identity/safe-name.js";
import { newEventId } from "../../process/event-id.js";
import { createSessions, type SessionEvent, type Sessions } from "../../sessions/index.js";
import type { JsonValue } from "../../typed/json-value.js";
import { together } from "../../typed/together/together.js";
import type { Unit } from "../../typed/together/unit.js";
import { readNamed } from "../../validation/validate.js";
import { conditionNotMet } from "../condition-not-met.js";
import { fromJsonWithBytes, toJsonWithBytes } from "../json-with-bytes.js";
import { type Owner, readOwnSession } from "../owner.js";
import { appliedOnce, forgetApplied } from "./applied-once.js";

/** The options of a `GroundstateSession`. */
export interface GroundstateSessionOptions {
  /** Whose session it is. */
  readonly owner: Owner;
  /** The session's id, of any text. Default: one is made. */
  readonly sessionId?: string;
}

type Item = SessionEvent<JsonValue>;

/** What `groundstate/sessions` appends in one call. */
const APPEND = 200;
/** What fits into one commit. */
const ADD = 1_000;
const ATTEMPTS = 10;

/**
 * A conversation of the OpenAI Agents SDK, as a session of `groundstate/sessions`: each item is an event. The session is created
 * with its first item. Items are JSON and bytes; INVALID_RECORD for others. Every method rejects with the errors of the store.
 */
export class GroundstateSession
  implements SessionHistoryRewriteAwareSession, SessionHistoryTransactionAwareSession
{
  readonly #store: StateStore;
  readonly #sessions: Sessions<JsonValue, JsonValue>;
  readonly #identity: () => SessionIdentity;
  readonly #id: string;

  constructor(store: StateStore, options: GroundstateSessionOptions) {
    readNamed(options, "options", ["owner", "sessionId"]);
    const { owner, sessionId = newEventId() } = options;
    this.#store = store;
    this.#sessions = createSessions(store);
    this.#identity = readOwnSession(owner, safeName(sessionId));
    this.#id = sessionId;
  }

  async getSessionId(): Promise<string> {
    return this.#id;
  }

  /** The items in the order of the conversation; with a limit, the last ones. */
  async getItems(limit?: number): Promise<AgentInputItem[]> {
    if (limit !== undefined && limit <= 0) return [];
    return (await this.#last(limit)).map(({ value }) => itemFromJson(value as JsonValue));
  }

  /** Adds items at the end: up to 1,000 of them in one commit, and more in several. */
  async addItems(items: AgentInputItem[]): Promise<void> {
    const values = items.map(itemToJson);
    for (let at = 0; at < values.length; at += ADD)
      await this.#change((unit) => this.#append(unit, values.slice(at, at + ADD)));
  }

  /** Removes the last item, and returns it. */
  async popItem(): Promise<AgentInputItem | undefined> {
    const popped = await unlessMissing(() => this.#sessions.pop(this.#identity()));
    const value = popped?.[0]?.value;
    return value === undefined ? undefined : itemFromJson(value);
  }

  /** Removes all items. What else the session has stays. */
  async clearSession(): Promise<void> {
    await together(this.#store, async (unit) => {
      await unlessMissing(() => this.#sessions.in(unit).rewrite(this.#identity(), []));
      await forgetApplied(unit, this.#identity());
    });
  }

  /** Puts up to 2,000 items in the place of the whole history, in one commit. */
  async replaceHistoryWithCompaction(items: AgentInputItem[]): Promise<void> {
    const events = items.map((item) => ({ value: itemToJson(item) }));
    await this.#change((unit) => this.#sessions.in(unit).rewrite(this.#identity(), events));
  }

  /** Replaces calls of functions by their call id, and removes repeated ones. */
  async applyHistoryMutations({ mutations }: SessionHistoryRewriteArgs): Promise<void> {
    if (mutations.length === 0) return;
    await this.#unlessChanged(async () => {
      const before = await this.#last();
      const after = mutations.reduce(
        replacing,
        before.map(({ value }) => value as JsonValue),
      );
      const first = before.findIndex(({ value }, at) => !isDeepStrictEqual(value, after[at]));
      if (first < 0) return;
      const replaced = { number: (before[first] as Item).number, last: before.at(-1)?.number ?? 0 };
      await this.#change((unit) => this.#replaceFrom(unit, replaced, after.slice(first)));
    });
  }

  /**
   * Applies a transaction once: it and its `operationId` are one commit. The same one again does nothing, within the store's
   * idempotency window. IDEMPOTENCY_CONFLICT for another transaction under the id, CONDITION_FAILED where the history does not end
   * as expected; then nothing has changed.
   */
  async applyHistoryTransaction({ operationId, transaction }: SessionHistoryTransactionArgs): Promise<void> {
    if (typeof operationId !== "string" || operationId.trim() === "")
      throw invalid("operationId", "a text that is not empty");
    const { type, expected, items } = readTransaction(transaction);
    await this.#unlessChanged(async () => {
      const end = expected.length === 0 ? [] : await this.#last(expected.length);
      const isExpected = isDeepStrictEqual(
        end.map(({ value }) => value),
        expected,
      );
      const last = end.at(-1)?.number ?? 0;
      await this.#change(async (unit) => {
        if (!(await appliedOnce(unit, this.#identity(), operationId, { type, expected, items }))) return;
        if (!isExpected) throw new OtherEnd();
        if (expected.length === 0) await this.#append(unit, items);
        else await this.#replaceFrom(unit, { number: end[0]?.number ?? last, last }, items);
      });
    }).catch((error) => {
      if (!(error instanceof OtherEnd)) throw error;
      const at = { identity: this.#identity(), kind: "session.events" };
      throw conditionNotMet(at, "the history does not end with the expected items");
    });
  }

  /** The last items; all without a limit. */
  async #last(limit?: number): Promise<Item[]> {
    const range = limit === undefined ? {} : { reverse: true, limit };
    const events = (await unlessMissing(() => this.#sessions.read(this.#identity(), range))) ?? [];
    return (limit === undefined ? events : events.reverse()).filter(({ value }) => value !== undefined);
  }

  async #append(unit: Unit, values: readonly JsonValue[]): Promise<void> {
    const own = this.#sessions.in(unit);
    for (let at = 0; at < values.length; at += APPEND)
      await own.append(
        this.#identity(),
        values.slice(at, at + APPEND).map((value) => ({ value })),
      );
  }

  async #replaceFrom(
    unit: Unit,
    { number, last }: { number: number; last: number },
    values: readonly JsonValue[],
  ): Promise<void> {
    await this.#sessions.in(unit).truncate(this.#identity(), { after: number - 1 }, { expect: last });
    await this.#append(unit, values);
  }

  /** One commit; where there is no session yet, it is created in it. */
  async #change(work: (unit: Unit) => Promise<unknown>): Promise<void> {
    try {
      await together(this.#store, work);
    } catch (error) {
      if (!isStateError(error, "NOT_FOUND")) throw error;
      await together(this.#store, async (unit) => {
        const metadata = { sessionId: this.#id };
        await this.#sessions
          .in(unit)
          .create(this.#identity(), { metadata })
          .catch((refused) => {
            // Another call was faster.
            if (!isStateError(refused, "ALREADY_EXISTS")) throw refused;
          });
        await work(unit);
      });
    }
  }

  /** Again, where the history went on between reading and writing. */
  async #unlessChanged(attempt: () => Promise<void>): Promise<void> {
    for (let left = ATTEMPTS; ; left--) {
      try {
        return await attempt();
      } catch (error) {
        if (left === 0 || !isStateError(error, "CONDITION_FAILED")) throw error;
      }
    }
  }
}

/** Ends a unit whose transaction expects another end of the history. */
class OtherEnd extends Error {}

function itemToJson(item: AgentInputItem): JsonValue {
  return toJsonWithBytes(item, "items");
}

function itemFromJson(value: JsonValue): AgentInputItem {
  return fromJsonWithBytes(value) as AgentInputItem;
}

function readTransaction(transaction: SessionHistoryTransactionArgs["transaction"]) {
  if (transaction?.type === "append_items" && Array.isArray(transaction.items))
    return { type: transaction.type, expected: [], items: transaction.items.map(itemToJson) };
  if (
    transaction?.type === "replace_suffix" &&
    Array.isArray(transaction.expectedSuffix) &&
    Array.isArray(transaction.replacement)
  )
    return {
      type: transaction.type,
      expected: transaction.expectedSuffix.map(itemToJson),
      items: transaction.replacement.map(itemToJson),
    };
  throw invalid(
    "transaction",
    "{ type: append_items, items } or { type: replace_suffix, expectedSuffix, replacement }",
  );
}

function replacing(
  items: readonly JsonValue[],
  { callId, replacement }: SessionHistoryRewriteArgs["mutations"][number],
): JsonValue[] {
  const isCall = (item: JsonValue) => {
    const { type, callId: own } = item as { readonly type?: JsonValue; readonly callId?: JsonValue };
    return type === "function_call" && own === callId;
  };
  const first = items.findIndex(isCall);
  return items.flatMap((item, at) => (at === first ? [itemToJson(replacement)] : isCall(item) ? [] : [item]));
}

async function unlessMissing<R>(call: () => Promise<R>): Promise<R | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isStateError(error, "NOT_FOUND")) return undefined;
    throw error;
  }
}
