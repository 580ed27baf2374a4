import { isStateError } from "../contract/errors.js";
import type { CallOptions, Watch } from "../contract/store.js";
import { jitteredPause } from "../timing/backoff.js";
import { onAbort } from "../timing/on-abort.js";
import { sleep } from "../timing/real-timers.js";
import { readInteger, readNamed, readOneOf, readSignal } from "../validation/validate.js";
import { watchSlots } from "../watch/watch-by-reading.js";
import { editLogCell } from "./edit-log.js";
import { canRetryLater, noSession } from "./errors.js";
import type { ReadEvent } from "./history.js";
import { type Followed, type HistoryChange, HistoryCursor } from "./history-cursor.js";
import { headCell } from "./session-head.js";

/** How a session is followed. */
export interface FollowOptions extends CallOptions {
  /** The number of the first event that is wanted. Default 1. */
  readonly from?: number;
  /** How soon what another process writes shows, in milliseconds: 1 to 3,600,000. Default 100. */
  readonly pollMs?: number;
  /** An event that cannot be read comes as a `DamagedEvent`. Absent: the loop rejects with its error. */
  readonly damaged?: "mark";
}

/** What becomes of a session. Use it with `for await`; `return` ends it, and so does leaving the loop. */
export interface SessionFollow<E> extends AsyncIterable<HistoryChange<ReadEvent<E>>>, AsyncDisposable {
  /** Resolves when there is something new. The first call starts to follow. */
  next(): Promise<IteratorResult<HistoryChange<ReadEvent<E>>, undefined>>;
  /** Ends it, also while `next` is waiting, which then resolves with `done`. */
  return(): Promise<IteratorResult<HistoryChange<ReadEvent<E>>, undefined>>;
  /** The same object: what one loop has been told, another is not told again. */
  [Symbol.asyncIterator](): SessionFollow<E>;
}

const PAUSE = { baseMs: 100, mostMs: 5000, random: () => 0.5 + Math.random() / 2 };

/** Follows a session. INVALID_RECORD at the call. */
export function followSession<E, Input>(
  followed: Followed<E, Input>,
  options: FollowOptions = {},
): SessionFollow<E> {
  const { store, owner } = followed;
  readNamed(options, "options", ["from", "pollMs", "damaged", "signal"]);
  const from = "from" in options ? readInteger(options.from, "from", 1, Number.MAX_SAFE_INTEGER - 1) : 1;
  const marks = "damaged" in options && { damaged: readOneOf(options.damaged, "damaged", ["mark"] as const) };
  const signal = readSignal(options);
  const ended = new AbortController();
  const watched = { signal: ended.signal, ...("pollMs" in options && { pollMs: options.pollMs as number }) };
  const watch = watchSlots(
    store,
    [headCell(owner), editLogCell(owner)].map(({ identity, kind }) => ({ identity, kind })),
    watched,
  );
  const cursor = new HistoryCursor(followed, { from, signal: ended.signal, ...marks });
  return new Following(changes(followed, cursor, watch, ended.signal), ended, signal);
}

/** Ends, and does not reject, when it is left, aborted, or its store is closed. */
async function* changes<E, Input>(
  followed: Followed<E, Input>,
  cursor: HistoryCursor<E, Input>,
  watch: Watch,
  signal: AbortSignal,
): AsyncGenerator<HistoryChange<ReadEvent<E>>, undefined> {
  try {
    const createdAt = await untilAnswered(signal, () => creationOf(followed, signal));
    if (createdAt === undefined) throw noSession();
    for await (const _ of watch) {
      // One that was created anew is another session.
      if ((await untilAnswered(signal, () => creationOf(followed, signal))) !== createdAt) {
        yield { is: "deleted" };
        return;
      }
      yield* cursor.advance((read) => untilAnswered(signal, read));
    }
  } catch (error) {
    if (!signal.aborted && !isStateError(error, "STORE_CLOSED")) throw error;
  } finally {
    await watch.return();
  }
}

/** When the session was created; `undefined` if there is none. */
async function creationOf<E, Input>(
  { records, owner }: Followed<E, Input>,
  signal: AbortSignal,
): Promise<number | undefined> {
  return (await records.findActivity(owner, { signal })).activity?.createdAt;
}

/** Reads again while the store is unavailable, as a watch does. */
async function untilAnswered<R>(signal: AbortSignal, read: () => Promise<R>): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      if (!canRetryLater(error)) throw error;
      await sleep(jitteredPause(attempt, PAUSE), signal);
    }
  }
}

class Following<E> implements SessionFollow<E> {
  readonly #changes: AsyncGenerator<HistoryChange<ReadEvent<E>>, undefined>;
  readonly #ended: AbortController;
  readonly #forget: () => void;

  constructor(
    following: AsyncGenerator<HistoryChange<ReadEvent<E>>, undefined>,
    ended: AbortController,
    signal: AbortSignal | undefined,
  ) {
    this.#changes = following;
    this.#ended = ended;
    if (signal?.aborted) ended.abort();
    this.#forget = signal === undefined ? () => {} : onAbort(signal, () => ended.abort());
  }

  async next(): Promise<IteratorResult<HistoryChange<ReadEvent<E>>, undefined>> {
    const result = this.#ended.signal.aborted ? await this.return() : await this.#changes.next();
    if (result.done) this.#forget();
    return result;
  }

  async return(): Promise<IteratorResult<HistoryChange<ReadEvent<E>>, undefined>> {
    this.#forget();
    // A generator that waits would take `return` only after its next step.
    this.#ended.abort();
    return this.#changes.return(undefined);
  }

  [Symbol.asyncIterator](): SessionFollow<E> {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
