import { isDeepStrictEqual } from "node:util";
import type { UIMessage } from "ai";
import { invalid } from "../../contract/errors.js";
import type { SessionIdentity, StateStore } from "../../contract/store.js";
import { createSessions, type SessionEvent, type Sessions } from "../../sessions/index.js";
import type { JsonValue } from "../../typed/json-value.js";
import { readNamed } from "../../validation/validate.js";
import { Conversation, type ConversationChange, unlessChanged } from "../conversation.js";
import { type Owner, readSessionOf } from "../owner.js";
import { messageToJson } from "./message.js";

/** The options of the classes of `groundstate/ai-sdk`. */
export interface ChatOptions {
  /** Whose chats they are. */
  readonly owner: Owner;
}

/** A chat in a list. */
export interface ChatInfo {
  /** The chat's id, as it was given. */
  readonly chatId: string;
  /** When its first message was stored. */
  readonly createdAt: Date;
  /** When it was last changed. */
  readonly updatedAt: Date;
}

/** A page of chats. */
export interface ChatPage {
  /** The latest changed first. */
  readonly chats: readonly ChatInfo[];
  /** The `after` of the next page; absent on the last one. A page may hold fewer chats than its limit, and still have one. */
  readonly next?: string;
}

/** A message as it is stored: the number of its event, and the message. */
interface Stored {
  readonly number: number;
  readonly message: JsonValue & { readonly id: string };
}

/** How many messages one commit adds. */
const ADD = 1_000;
/** How many one commit takes back; more are put in the place of the whole chat. */
const TAKEN = 1_000;
/** How many messages are read at once in search of an id. */
const PAGE = 100;

/**
 * Chats of the AI SDK: each is a session of `groundstate/sessions`, and each `UIMessage` is an event of it. The chat is created
 * with its first message. Messages are stored as `JSON.stringify` writes them, as a client receives them. Every method rejects with
 * the errors of the store; INVALID_RECORD for what is no message.
 */
export class GroundstateChats<M extends UIMessage = UIMessage> {
  readonly #store: StateStore;
  readonly #sessions: Sessions<JsonValue, JsonValue>;
  readonly #identityOf: (chatId: string) => SessionIdentity;

  constructor(store: StateStore, options: ChatOptions) {
    readNamed(options, "options", ["owner"]);
    this.#store = store;
    this.#sessions = createSessions(store);
    this.#identityOf = readSessionOf(options.owner);
  }

  /** The messages of a chat in their order; none for a chat that there is not. */
  async load(chatId: string): Promise<M[]> {
    return (await this.#chat(chatId).read()).map(({ value }) => value as unknown as M);
  }

  /**
   * Adds messages at the end of a chat, in one commit; a message whose id the chat has takes the place of that one. So a message
   * that is sent again is there once, and messages that other requests add meanwhile stay.
   */
  async put(chatId: string, messages: M | readonly M[]): Promise<void> {
    const given = readMessages(Array.isArray(messages) ? messages : [messages], ADD);
    const chat = this.#chat(chatId);
    await unlessChanged(async () => {
      const { found, last } = await find(chat, new Set(given.map(({ id }) => id)));
      const changed = given.flatMap((message) => {
        const before = found.get(message.id);
        return before === undefined || isDeepStrictEqual(before.message, message)
          ? []
          : [{ number: before.number, value: message }];
      });
      const added = given.filter(({ id }) => !found.has(id));
      if (changed.length + added.length === 0) return;
      await chat.changeOrCreate((change) => write(change, { changed, added, last }));
    });
  }

  /**
   * Makes these the messages of the chat, in one commit for up to 1,000 that are new: what the chat has beyond them is removed, as
   * after an answer that is generated anew. What another request has added meanwhile is removed too: where several may write, `put`.
   */
  async save(chatId: string, messages: readonly M[]): Promise<void> {
    const given = readMessages(messages, Number.POSITIVE_INFINITY);
    const chat = this.#chat(chatId);
    await unlessChanged(async () => {
      const stored = (await chat.read()).map(storedMessage);
      const same = given.findIndex(({ id }, at) => stored[at]?.message.id !== id);
      const kept = same < 0 ? given.length : same;
      const changed = given.slice(0, kept).flatMap((message, at) => {
        const before = stored[at] as Stored;
        return isDeepStrictEqual(before.message, message) ? [] : [{ number: before.number, value: message }];
      });
      const last = stored.at(-1)?.number ?? 0;
      const after = stored[kept - 1]?.number ?? 0;
      if (last - after > TAKEN) return this.#replaceAll(chat, given, last);
      const added = given.slice(kept);
      if (changed.length + added.length > 0 || after < last)
        await chat.changeOrCreate(async (change) => {
          if (after < last) await change.truncate({ after }, { expect: last });
          await write(change, { changed, added: added.slice(0, ADD), last: after });
        });
      for (let at = ADD; at < added.length; at += ADD)
        await chat.changeOrCreate(({ append }) => append(added.slice(at, at + ADD)));
    });
  }

  /** Deletes a chat, with all that is stored of its session. `false` if there is none. */
  async delete(chatId: string): Promise<boolean> {
    return this.#sessions.delete(this.#identityOf(chatId));
  }

  /** The chats of the owner, the latest changed first: 50 to a page unless `limit` says otherwise, 1 to 1,000. */
  async list(
    options: { readonly limit?: number; readonly after?: string | undefined } = {},
  ): Promise<ChatPage> {
    readNamed(options, "options", ["limit", "after"]);
    const { tenant, user } = this.#identityOf("any");
    const { sessions, next } = await this.#sessions.list({ tenant, user }, options);
    const chats = sessions.flatMap(({ metadata, createdAt, updatedAt }) => {
      const { chatId } = metadata as { readonly chatId?: JsonValue };
      return typeof chatId === "string" ? [{ chatId, createdAt, updatedAt }] : [];
    });
    return { chats, ...(next !== undefined && { next }) };
  }

  #chat(chatId: string): Conversation {
    return new Conversation(this.#store, this.#identityOf(chatId), { chatId });
  }

  async #replaceAll(chat: Conversation, messages: readonly JsonValue[], expect: number): Promise<void> {
    const events = messages.slice(0, ADD).map((value) => ({ value }));
    await chat.change(({ session }) => session.rewrite(chat.identity, events, { expect }));
    for (let at = ADD; at < messages.length; at += ADD)
      await chat.change(({ append }) => append(messages.slice(at, at + ADD)));
  }
}

function readMessages(messages: unknown, most: number) {
  if (!Array.isArray(messages) || messages.length > most) {
    throw invalid("messages", `an array of ${most === ADD ? `up to ${ADD} ` : ""}messages`);
  }
  const read = messages.map(messageToJson);
  if (new Set(read.map(({ id }) => id)).size < read.length) throw invalid("messages", "of different ids");
  return read;
}

/** The messages of these ids, sought from the end, and the number of the last event. */
async function find(
  chat: Conversation,
  ids: ReadonlySet<string>,
): Promise<{ found: Map<string, Stored>; last: number }> {
  const found = new Map<string, Stored>();
  let last: number | undefined;
  for (let from: number | undefined; ; ) {
    const page = await chat.read({ reverse: true, limit: PAGE, ...(from !== undefined && { from }) });
    last ??= page[0]?.number ?? 0;
    for (const stored of page.map(storedMessage))
      if (ids.has(stored.message.id)) found.set(stored.message.id, stored);
    const oldest = page.at(-1)?.number ?? 1;
    if (oldest === 1 || found.size === ids.size) return { found, last };
    from = oldest - 1;
  }
}

function storedMessage({ number, value }: SessionEvent<JsonValue>): Stored {
  return { number, message: value as Stored["message"] };
}

async function write(
  { append, replace }: ConversationChange,
  {
    changed,
    added,
    last,
  }: {
    changed: readonly { number: number; value: JsonValue }[];
    added: readonly JsonValue[];
    last: number;
  },
): Promise<void> {
  for (const replacement of changed) await replace(replacement);
  if (added.length > 0) await append(added, { expect: last });
}
