import type { SessionIdentity, StateStore } from "../../contract/store.js";
import { type Cell, cellAt } from "../../typed/cell.js";
import { json } from "../../typed/codec.js";
import { Journal } from "../../typed/journal.js";

/** The stream that a chat had last. */
export interface ActiveStream {
  /** It names the run that holds its pieces. */
  readonly streamId: string;
  /** How it ended; absent while it is recorded. */
  readonly end?: StreamEnd;
  /** Earlier streams of the chat whose pieces may not be removed yet. */
  readonly uncleared: readonly string[];
}

/** A piece of a stream; the last one says how it ended. */
export interface Piece {
  readonly text: string;
  readonly end?: StreamEnd;
}

/** How a stream ended: by itself, with an error of its source, or because somebody stopped it. */
export type StreamEnd = "finished" | "failed" | "stopped";

const ACTIVE = json<ActiveStream>();

/** The name of the journals of pieces. */
export const PIECES = "ai-sdk.piece";

/** Where a chat says which stream it has. */
export function activeCell(chat: SessionIdentity): Cell<ActiveStream> {
  return cellAt(chat, "ai-sdk.stream", ACTIVE);
}

/** The pieces of streams, each stream in a run of its chat. */
export function piecesOf(store: StateStore): Journal<Piece> {
  return new Journal<Piece>(store, PIECES);
}
