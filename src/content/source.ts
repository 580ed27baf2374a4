import { invalid } from "../contract/errors.js";
import { raceAbort } from "../timing/cancellation.js";

/** A stream of the web's standard, as far as it is read. https://streams.spec.whatwg.org/#rs-class */
export interface ByteReadable {
  /** Locks the stream to one reader. */
  getReader(): {
    /** The next piece. */
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
    /** Says that nobody reads on. */
    cancel(reason?: unknown): Promise<unknown>;
  };
}

/** Where content comes from: bytes, a text (stored as UTF-8), or a stream of bytes in pieces of any size. */
export type ContentSource = Uint8Array | string | AsyncIterable<Uint8Array> | ByteReadable;

interface Pieces {
  next(): Promise<IteratorResult<Uint8Array, unknown>>;
  /** Says that nobody reads on. */
  stop(): Promise<unknown> | undefined;
}

/** INVALID_RECORD of `content`, unless it can be read. A text becomes bytes, and a small content is copied. */
export function readSource(content: unknown, smallBytes: number): ContentSource {
  if (typeof content === "string") return Buffer.from(content);
  if (content instanceof Uint8Array) return content.length <= smallBytes ? content.slice() : content;
  const stream = content as Partial<AsyncIterable<Uint8Array> & ByteReadable> | null | undefined;
  if (typeof stream?.[Symbol.asyncIterator] === "function" || typeof stream?.getReader === "function")
    return stream as ContentSource;
  throw invalid("content", "bytes, a string or a stream of bytes");
}

/**
 * The source in chunks of this size; only the last may be smaller. Each is a copy. The next piece is asked for when the chunk
 * before is taken, so a source is never ahead of its reader. An abort ends the wait for a source at once. A source that
 * is not read to its end is told so; nobody waits for what it answers. `onPiece` runs after each piece that came.
 */
export async function* chunksOf(
  source: ContentSource,
  size: number,
  signal: AbortSignal | undefined,
  onPiece?: () => Promise<void> | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal?.throwIfAborted();
  const pieces = piecesOf(source as Exclude<ContentSource, string>);
  let chunk: Uint8Array | undefined;
  let filled = 0;
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await raceAbort(pieces.next(), signal);
      ended = done === true;
      if (ended) break;
      await onPiece?.();
      if (!(value instanceof Uint8Array)) throw invalid("content", "a stream of Uint8Arrays");
      for (let from = 0; from < value.length; ) {
        chunk ??= new Uint8Array(size);
        const part = value.subarray(from, from + size - filled);
        chunk.set(part, filled);
        from += part.length;
        filled += part.length;
        if (filled < size) continue;
        yield chunk;
        [chunk, filled] = [undefined, 0];
      }
    }
    if (chunk !== undefined) yield chunk.subarray(0, filled);
  } finally {
    if (!ended) stop(pieces);
  }
}

function piecesOf(source: Exclude<ContentSource, string>): Pieces {
  if (source instanceof Uint8Array) {
    const once = [source].values();
    return { next: async () => once.next(), stop: () => undefined };
  }
  if (Symbol.asyncIterator in source) {
    const iterator = source[Symbol.asyncIterator]();
    return { next: async () => iterator.next(), stop: () => iterator.return?.() };
  }
  const reader = source.getReader();
  return {
    next: async () => (await reader.read()) as IteratorResult<Uint8Array, unknown>,
    stop: () => reader.cancel(),
  };
}

/** What a source says when it is stopped changes nothing. */
function stop(pieces: Pieces): void {
  try {
    pieces.stop()?.then(undefined, () => {});
  } catch {}
}
