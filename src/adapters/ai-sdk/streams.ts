import type { SessionIdentity, StateStore } from "../../contract/store.js";
import { newEventId } from "../../process/event-id.js";
import { readStore } from "../../typed/cell.js";
import { findCell } from "../../typed/cell-operations.js";
import { transact } from "../../typed/transact.js";
import { readInteger, readNamed } from "../../validation/validate.js";
import { type Owner, readSessionOf } from "../owner.js";
import { type ActiveStream, activeCell, PIECES, type StreamEnd } from "./active-stream.js";
import { Recording } from "./recording.js";
import { Replay } from "./replay.js";

/** The options of `ResumableStreams`. */
export interface ResumableStreamsOptions {
  /** Whose chats they are. */
  readonly owner: Owner;
  /**
   * How often a stream that has nothing to say is marked as alive, in milliseconds: 100 to 600,000. Default 10,000. After three
   * times as long without a sign a reader takes its process for dead, and ends it.
   */
  readonly heartbeatMs?: number;
}

const DEFAULT_HEARTBEAT_MS = 10_000;

/**
 * The streams of answers that are under way. A chat has one at a time, and any process reads it from its beginning: after a page
 * was reloaded, or in a second tab. What was streamed stays until the chat's next stream, or until the chat is deleted.
 */
export class ResumableStreams {
  readonly #store: StateStore;
  readonly #chatOf: (chatId: string) => SessionIdentity;
  readonly #heartbeatMs: number;

  constructor(store: StateStore, options: ResumableStreamsOptions) {
    readNamed(options, "options", ["owner", "heartbeatMs"]);
    const { owner, heartbeatMs = DEFAULT_HEARTBEAT_MS } = options;
    this.#store = readStore(store);
    this.#chatOf = readSessionOf(owner);
    this.#heartbeatMs = readInteger(heartbeatMs, "heartbeatMs", 100, 600_000);
  }

  /**
   * Stores the stream of a chat while it comes: what `consumeSseStream` is given. Another stream of the chat ends the one before.
   * Resolves when the end is stored: `failed` if the stream ended with an error, `stopped` if somebody stopped it or began
   * another. Rejects with the errors of the store; then readers take the stream for interrupted.
   */
  async record(chatId: string, stream: ReadableStream<string>): Promise<StreamEnd> {
    const [chat, streamId] = [this.#chatOf(chatId), newEventId()];
    try {
      await this.#begin(chat, streamId);
    } catch (error) {
      await stream.cancel();
      throw error;
    }
    return new Recording(this.#store, { chat, streamId, heartbeatMs: this.#heartbeatMs }).store(stream);
  }

  /**
   * The stream that a chat has, from its beginning and on as it comes; `undefined` where none is under way, which is HTTP's 204.
   * Send it with the SDK's `UI_MESSAGE_STREAM_HEADERS`. One that is interrupted ends with an `error` chunk, one that is stopped
   * with an `abort` chunk.
   */
  async resume(chatId: string): Promise<ReadableStream<string> | undefined> {
    const chat = this.#chatOf(chatId);
    const streamId = await this.active(chatId);
    if (streamId === undefined) return undefined;
    const silenceMs = 3 * this.#heartbeatMs;
    const replay = new Replay(this.#store, { chat, streamId, silenceMs });
    return replay.read(() => this.#end(chatId, { streamId, end: "failed" }));
  }

  /** The id of the stream that a chat has under way. */
  async active(chatId: string): Promise<string | undefined> {
    const active = (await findCell(this.#store, activeCell(this.#chatOf(chatId))))?.value;
    return active?.end === undefined ? active?.streamId : undefined;
  }

  /**
   * Ends the stream of a chat, in whatever process it is recorded: `record` resolves with `stopped` there. With a `streamId`, only if
   * it is this one. Returns whether there was one.
   */
  async stop(chatId: string, options: { readonly streamId?: string } = {}): Promise<boolean> {
    readNamed(options, "options", ["streamId"]);
    return this.#end(chatId, { ...options, end: "stopped" });
  }

  /** Makes it the stream of the chat, and removes the pieces of those before. */
  async #begin(chat: SessionIdentity, streamId: string): Promise<void> {
    const before = (active: ActiveStream | undefined) =>
      active === undefined ? [] : [...active.uncleared, active.streamId];
    const replaced = await this.#change(chat, (active) => ({
      streamId,
      uncleared: before(active),
    }));
    await Promise.all(before(replaced).map((run) => this.#store.erase({ ...chat, run }, { prefix: PIECES })));
    await this.#change(chat, (active) =>
      active?.streamId === streamId ? { ...active, uncleared: [] } : active,
    );
  }

  async #end(
    chatId: string,
    { streamId, end }: { readonly streamId?: string; readonly end: StreamEnd },
  ): Promise<boolean> {
    const isMeant = (active: ActiveStream | undefined): active is ActiveStream =>
      active !== undefined &&
      active.end === undefined &&
      (streamId === undefined || streamId === active.streamId);
    const before = await this.#change(this.#chatOf(chatId), (active) =>
      isMeant(active) ? { ...active, end } : active,
    );
    return isMeant(before);
  }

  /** Returns what the chat had before. */
  async #change(
    chat: SessionIdentity,
    change: (active: ActiveStream | undefined) => ActiveStream | undefined,
  ): Promise<ActiveStream | undefined> {
    const cell = activeCell(chat);
    return transact(this.#store, async (transaction) => {
      const before = await transaction.get(cell);
      const after = change(before);
      if (after !== undefined && after !== before) await transaction.set(cell, after);
      return before;
    });
  }
}
