import type { Identity, SessionIdentity, StateStore } from "../../contract/store.js";
import { settlesWithin } from "../../timing/cancellation.js";
import { findCell } from "../../typed/cell-operations.js";
import type { Journal } from "../../typed/journal.js";
import { watchSlots } from "../../watch/watch-by-reading.js";
import { activeCell, type Piece, piecesOf, type StreamEnd } from "./active-stream.js";

/** How many pieces are read at once. */
const PAGE = 50;

/** What a reader is sent at the end. A piece may have been cut off, so a line ends first. */
const ENDINGS: Readonly<Record<StreamEnd, string>> = {
  finished: "",
  failed: ending({ type: "error", errorText: "The answer was interrupted." }),
  stopped: ending({ type: "abort" }),
};

function ending(chunk: object): string {
  return `\n\ndata: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`;
}

/** Reads a stream that is being recorded: from its beginning, and on until it ends. */
export class Replay {
  readonly #store: StateStore;
  readonly #pieces: Journal<Piece>;
  readonly #chat: SessionIdentity;
  readonly #run: Identity;
  readonly #streamId: string;
  readonly #silenceMs: number;

  constructor(
    store: StateStore,
    { chat, streamId, silenceMs }: { chat: SessionIdentity; streamId: string; silenceMs: number },
  ) {
    this.#store = store;
    this.#pieces = piecesOf(store);
    this.#chat = chat;
    this.#run = { ...chat, run: streamId };
    this.#streamId = streamId;
    this.#silenceMs = silenceMs;
  }

  /** The text of the stream. Calls `abandon` where nobody has written for too long. */
  read(abandon: () => Promise<unknown>): ReadableStream<string> {
    const ended = new AbortController();
    const texts = this.#texts(abandon, ended.signal);
    return new ReadableStream<string>(
      {
        async pull(controller) {
          const { done, value } = await texts.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          ended.abort();
          await texts.return(undefined);
        },
      },
      { highWaterMark: 0 },
    );
  }

  async *#texts(abandon: () => Promise<unknown>, signal: AbortSignal): AsyncGenerator<string, undefined> {
    const cells = [this.#pieces.places.head(this.#run), activeCell(this.#chat)];
    const slots = cells.map(({ identity, kind }) => ({ identity, kind }));
    const watch = watchSlots(this.#store, slots, { signal });
    let changed = watch.next();
    try {
      for (let from = 1; !signal.aborted; ) {
        // What is written after this look wakes the wait below.
        const end = await this.#end();
        const page = await this.#pieces.read(this.#run, { from, limit: PAGE });
        for (const { value } of page) {
          if (value.text !== "") yield value.text;
          if (value.end !== undefined) return void (yield ENDINGS[value.end]);
        }
        const last = page.at(-1);
        if (last !== undefined) from = last.number + 1;
        else if (end !== undefined) return void (yield ENDINGS[end]);
        else if (await settlesWithin(changed, this.#silenceMs, signal)) {
          if ((await changed).done) return;
          changed = watch.next();
        } else if (!signal.aborted) {
          await abandon();
          return void (yield ENDINGS.failed);
        }
      }
    } finally {
      await watch.return();
    }
  }

  /** How the stream ended; a chat that has another one, or none, has stopped it. */
  async #end(): Promise<StreamEnd | undefined> {
    const active = (await findCell(this.#store, activeCell(this.#chat)))?.value;
    return active?.streamId === this.#streamId ? active.end : "stopped";
  }
}
