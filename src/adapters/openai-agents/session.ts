import { isDeepStrictEqual } from "node:util";
import type {
  AgentInputItem,
  SessionHistoryRewriteArgs,
  SessionHistoryRewriteAwareSession,
  SessionHistoryTransactionArgs,
  SessionHistoryTransactionAwareSession,
} from "@openai/agents-core";
import { invalid } from "../../contract/errors.js";
import type { StateStore } from "../../contract/store.js";
import { safeName } from "../../identity/safe-name.js";
import { newEventId } from "../../process/event-id.js";
import type { SessionEvent } from "../../sessions/index.js";
import { readStore } from "../../typed/cell.js";
import type { JsonValue } from "../../typed/json-value.js";
import { readNamed } from "../../validation/validate.js";
import { conditionNotMet } from "../condition-not-met.js";
import { Conversation, type ConversationChange, unlessChanged, unlessMissing } from "../conversation.js";
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

/** What fits into one commit. */
const ADD = 1_000;

/**
 * A conversation of the OpenAI Agents SDK, as a session of `groundstate/sessions`: each item is an event. The session is created
 * with its first item. Items are JSON and bytes; INVALID_RECORD for others. Every method rejects with the errors of the store.
 */
export class GroundstateSession
  implements SessionHistoryRewriteAwareSession, SessionHistoryTransactionAwareSession
{
  readonly #conversation: () => Conversation;
  readonly #id: string;

  constructor(store: StateStore, options: GroundstateSessionOptions) {
    readNamed(options, "options", ["owner", "sessionId"]);
    const { owner, sessionId = newEventId() } = options;
    const identityOf = readOwnSession(owner, safeName(sessionId));
    const open = readStore(store);
    this.#conversation = () => new Conversation(open, identityOf(), { sessionId });
    this.#id = sessionId;
  }

  async getSessionId(): Promise<string> {
    return this.#id;
  }

  /** The items in the order of the conversation; with a limit, the last ones. */
  async getItems(limit?: number): Promise<AgentInputItem[]> {
    if (limit !== undefined && limit <= 0) return [];
    const conversation = this.#conversation();
    const items = await (limit === undefined ? conversation.read() : conversation.last(limit));
    return items.map(({ value }) => itemFromJson(value as JsonValue));
  }

  /** Adds items at the end: up to 1,000 of them in one commit, and more in several. */
  async addItems(items: AgentInputItem[]): Promise<void> {
    const values = items.map(itemToJson);
    for (let at = 0; at < values.length; at += ADD)
      await this.#conversation().changeOrCreate(({ append }) => append(values.slice(at, at + ADD)));
  }

  /** Removes the last item, and returns it. */
  async popItem(): Promise<AgentInputItem | undefined> {
    const value = await this.#conversation().pop();
    return value === undefined ? undefined : itemFromJson(value);
  }

  /** Removes all items. What else the session has stays. */
  async clearSession(): Promise<void> {
    const conversation = this.#conversation();
    const { identity } = conversation;
    await conversation.change(async ({ unit, session }) => {
      await unlessMissing(() => session.rewrite(identity, []));
      await forgetApplied(unit, identity);
    });
  }

  /** Puts up to 2,000 items in the place of the whole history, in one commit. */
  async replaceHistoryWithCompaction(items: AgentInputItem[]): Promise<void> {
    const events = items.map((item) => ({ value: itemToJson(item) }));
    const conversation = this.#conversation();
    await conversation.changeOrCreate(({ session }) => session.rewrite(conversation.identity, events));
  }

  /** Replaces calls of functions by their call id, and removes repeated ones. */
  async applyHistoryMutations({ mutations }: SessionHistoryRewriteArgs): Promise<void> {
    if (mutations.length === 0) return;
    const conversation = this.#conversation();
    await unlessChanged(async () => {
      const before = await conversation.read();
      const after = mutations.reduce(
        replacing,
        before.map(({ value }) => value as JsonValue),
      );
      const first = before.findIndex(({ value }, at) => !isDeepStrictEqual(value, after[at]));
      if (first < 0) return;
      const replaced = { number: (before[first] as Item).number, last: before.at(-1)?.number ?? 0 };
      await conversation.changeOrCreate((change) => replaceFrom(change, replaced, after.slice(first)));
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
    const conversation = this.#conversation();
    const { identity } = conversation;
    await unlessChanged(async () => {
      const end = expected.length === 0 ? [] : await conversation.last(expected.length);
      const isExpected = isDeepStrictEqual(
        end.map(({ value }) => value),
        expected,
      );
      const last = end.at(-1)?.number ?? 0;
      await conversation.changeOrCreate(async (change) => {
        if (!(await appliedOnce(change.unit, identity, operationId, { type, expected, items }))) return;
        if (!isExpected) throw new OtherEnd();
        if (expected.length === 0) await change.append(items);
        else await replaceFrom(change, { number: end[0]?.number ?? last, last }, items);
      });
    }).catch((error) => {
      if (!(error instanceof OtherEnd)) throw error;
      const at = { identity, kind: "session.events" };
      throw conditionNotMet(at, "the history does not end with the expected items");
    });
  }
}

async function replaceFrom(
  change: ConversationChange,
  { number, last }: { number: number; last: number },
  values: readonly JsonValue[],
): Promise<void> {
  await change.truncate({ after: number - 1 }, { expect: last });
  await change.append(values);
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
