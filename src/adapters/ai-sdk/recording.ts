import type { Identity, SessionIdentity, StateStore } from "../../contract/store.js";
import { clearTimeout, setTimeout, type Timer } from "../../timing/real-timers.js";
import type { Journal } from "../../typed/journal.js";
import type { Transaction } from "../../typed/transaction.js";
import { watchSlots } from "../../watch/watch-by-reading.js";
import { type ActiveStream, activeCell, type Piece, piecesOf, type StreamEnd } from "./active-stream.js";

/** The most characters of a piece. */
const PIECE = 64 * 1024;
/** How many characters wait for their commit, before the source waits too. */
const WAITING = 1024 * 1024;

/** Stores a stream while it comes, until it ends or the chat has another. */
export class Recording {
  readonly #store: StateStore;
  readonly #pieces: Journal<Piece>;
  readonly #chat: SessionIdentity;
  readonly #run: Identity;
  readonly #streamId: string;
  readonly #heartbeatMs: number;
  readonly #over = new AbortController();
  #text = "";
  #number = 0;
  #writing: Promise<void> | undefined;
  #heartbeat: Timer | undefined;

  constructor(
    store: StateStore,
    { chat, streamId, heartbeatMs }: { chat: SessionIdentity; streamId: string; heartbeatMs: number },
  ) {
    this.#store = store;
    this.#pieces = piecesOf(store);
    this.#chat = chat;
    this.#run = { ...chat, run: streamId };
    this.#streamId = streamId;
    this.#heartbeatMs = heartbeatMs;
  }

  /** Resolves when the end is stored, or the stream was stopped. Rejects with the errors of the store. */
  async store(stream: ReadableStream<string>): Promise<StreamEnd> {
    const reader = stream.getReader();
    // Whoever stopped it need not wait for the next piece.
    this.#over.signal.addEventListener("abort", () => void reader.cancel().catch(() => {}), { once: true });
    const watching = this.#watch();
    this.#beatLater();
    try {
      const end = await this.#copy(reader);
      if (!this.#over.signal.aborted) await this.#append({ text: "", end });
      return end;
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      return "stopped";
    } finally {
      clearTimeout(this.#heartbeat);
      this.#over.abort();
      await watching;
    }
  }

  async #copy(reader: ReadableStreamDefaultReader<string>): Promise<StreamEnd> {
    let end: StreamEnd = "finished";
    for (;;) {
      const read = await reader.read().catch(() => undefined);
      if (read === undefined) end = "failed";
      if (read === undefined || read.done) break;
      this.#text += read.value;
      this.#flush();
      while (this.#text.length > WAITING) await this.#writing;
    }
    while (this.#writing !== undefined) await this.#writing;
    return this.#over.signal.aborted ? "stopped" : end;
  }

  /** What comes while a commit is under way goes into the next one. */
  #flush(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
    // It is awaited before the recording ends.
    this.#writing.catch(() => this.#over.abort());
  }

  async #writeAll(): Promise<void> {
    do {
      const text = this.#text.slice(0, wholeCharacters(this.#text));
      this.#text = this.#text.slice(text.length);
      await this.#append({ text });
    } while (this.#text !== "");
  }

  async #append(piece: Piece): Promise<void> {
    clearTimeout(this.#heartbeat);
    this.#number += 1;
    await this.#pieces.append(this.#run, [{ id: String(this.#number), value: piece }], {
      also: (transaction) => this.#require(transaction, piece.end),
    });
    this.#beatLater();
  }

  /** Its chat must have no other stream, and nobody may have stopped it. */
  async #require(transaction: Transaction, end: StreamEnd | undefined): Promise<void> {
    const cell = activeCell(this.#chat);
    const active = await transaction.get(cell);
    if (!this.#isActive(active)) throw new Stopped();
    if (end !== undefined) await transaction.set(cell, { ...(active as ActiveStream), end });
  }

  #isActive(active: ActiveStream | undefined): boolean {
    return active?.streamId === this.#streamId && active.end === undefined;
  }

  /** An empty piece tells readers that somebody is still at work. */
  #beatLater(): void {
    clearTimeout(this.#heartbeat);
    if (!this.#over.signal.aborted) this.#heartbeat = setTimeout(() => this.#flush(), this.#heartbeatMs);
  }

  async #watch(): Promise<void> {
    const { signal } = this.#over;
    const cell = activeCell(this.#chat);
    const { identity, kind, codec } = cell;
    try {
      for await (const { record } of watchSlots(this.#store, [{ identity, kind }], { signal, ref: false })) {
        const active = record && (await codec.decode(record.bytes, record.version));
        if (!this.#isActive(active)) return this.#over.abort();
      }
    } catch {
      // The next commit meets the same error, and reports it.
    }
  }
}

/** The chat has another stream, or none. */
class Stopped extends Error {}

/** How many characters a piece takes, so that none is cut in two. */
function wholeCharacters(text: string): number {
  if (text.length <= PIECE) return text.length;
  const last = text.charCodeAt(PIECE - 1);
  return last >= 0xd800 && last < 0xdc00 ? PIECE - 1 : PIECE;
}
