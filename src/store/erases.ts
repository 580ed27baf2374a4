import type { Commit, Driver, EraseTarget, Swept } from "../contract/driver.js";
import { StateError } from "../contract/errors.js";
import type { CommitReceipt } from "../contract/store.js";
import { callDriver } from "../queue/call-driver.js";
import type { CommitQueue } from "../queue/commit-queue.js";
import type { Payloads } from "../queue/queue-entry.js";
import { targetOf } from "../rules/decide.js";
import {
  type CallTime,
  type CallTimes,
  limitOf,
  raceDeadline,
  waitedTooLongError,
} from "../timing/call-time.js";
import { raceAbort, settlesWithin } from "../timing/cancellation.js";
import { monotonicMs, nextTurn } from "../timing/real-timers.js";
import { accepted, deletedOf } from "./accepted.js";

/** The result of a commit with erases. */
export interface Erased extends Pick<CommitReceipt, "deleted"> {
  readonly duplicate: boolean;
  /** Per erase, in order: how many records were removed, swept ones included; 0 for a replay. */
  readonly erased: readonly number[];
}

/** One `sweep` call, from the moment it is wanted. */
interface Piece {
  readonly target: EraseTarget;
  readonly requestedAt: number;
  isUnderWay: boolean;
  /** Its caller has given up: it must not start. */
  isAbandoned: boolean;
}

/** The commits of one store that erase. Sweeps what a large erase leaves behind, in pieces, one `sweep` at a time, beside the batches. */
export class Erases {
  readonly #driver: Driver;
  readonly #queue: CommitQueue;
  readonly #times: CallTimes;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #abandoned = new AbortController();
  /** The piece that was requested last: the next one starts after it, so several erases alternate. */
  #lastPiece: Promise<unknown> = Promise.resolve();
  /** When a piece was last removed, by `monotonicMs`. */
  #lastProgressAt = Number.NEGATIVE_INFINITY;

  constructor(driver: Driver, queue: CommitQueue, times: CallTimes) {
    this.#driver = driver;
    this.#queue = queue;
    this.#times = times;
  }

  /**
   * Resolves when everything is removed. Once the commit itself has happened, the signal no longer ends it. The deadline of
   * the sweeping starts anew with every piece removed, of this erase or another.
   */
  commit(commit: Commit, signal: AbortSignal | undefined, payloads?: Payloads): Promise<Erased> {
    const erased = this.#commit(commit, signal, payloads);
    this.#underWay.add(erased);
    const done = () => this.#underWay.delete(erased);
    erased.then(done, done);
    return erased;
  }

  /** Resolves when no erase is under way. */
  async finished(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /** Rejects the erases that are sweeping. What is left stays invisible; later batches of any store remove it. */
  abandon(): void {
    this.#abandoned.abort(new Error("the store was closed before everything was removed"));
  }

  async #commit(commit: Commit, signal: AbortSignal | undefined, payloads?: Payloads): Promise<Erased> {
    const outcome = accepted(commit, await this.#queue.commit(commit, signal, payloads));
    const targets = commit.writes.flatMap((write) => (write.op === "erase" ? targetOf(write) : []));
    if (outcome.is === "applied") {
      const { erased = [], remains } = outcome;
      const swept = remains ? await this.#sweepAll(targets) : [];
      return {
        duplicate: false,
        erased: targets.map((_, index) => (erased[index] ?? 0) + (swept[index] ?? 0)),
        ...deletedOf(commit, outcome),
      };
    }
    if (targets.length === commit.writes.length)
      throw notFullyRemoved(new Error("the driver took an erase for a replay"));
    // The first attempt may have been this call's own, with its answer lost: it may have left records behind.
    await this.#sweepAll(targets);
    return { duplicate: true, erased: targets.map(() => 0) };
  }

  async #sweepAll(targets: readonly EraseTarget[]): Promise<number[]> {
    const swept: number[] = [];
    for (const target of targets) swept.push(await this.#sweep(target));
    return swept;
  }

  async #sweep(target: EraseTarget): Promise<number> {
    let removed = 0;
    for (;;) {
      const swept = await this.#sweepNext(target).catch((cause: unknown) => {
        throw notFullyRemoved(cause);
      });
      removed += swept.removed;
      if (!swept.more) return removed;
    }
  }

  /** Sweeps the next piece, after the pieces that were requested before it. */
  async #sweepNext(target: EraseTarget): Promise<Swept> {
    const piece: Piece = { target, requestedAt: monotonicMs(), isUnderWay: false, isAbandoned: false };
    const swept = this.#lastPiece.then(() => this.#sweepPiece(piece));
    this.#lastPiece = swept.catch(() => {});
    await this.#waitForStart(piece, this.#lastPiece);
    return raceAbort(swept, this.#abandoned.signal);
  }

  /** Resolves when the piece has started or ended; rejects when no piece was removed for as long as a call may wait. */
  async #waitForStart(piece: Piece, over: Promise<unknown>): Promise<void> {
    for (let isOver = false; !isOver && !piece.isUnderWay; ) {
      const time = this.#timeOf(piece);
      const left = time.waitsUntil - monotonicMs();
      if (left <= 0) {
        piece.isAbandoned = true;
        throw waitedTooLongError(time, "nothing was removed", "its turn behind what other erases have left");
      }
      isOver = await settlesWithin(over, left, this.#abandoned.signal);
      this.#abandoned.signal.throwIfAborted();
    }
  }

  #timeOf({ requestedAt }: Piece): CallTime {
    return this.#times.begin(Math.max(requestedAt, this.#lastProgressAt));
  }

  /** Yields to the event loop after the piece: the memory driver is synchronous, and would block it until the last one. */
  async #sweepPiece(piece: Piece): Promise<Swept> {
    this.#abandoned.signal.throwIfAborted();
    if (piece.isAbandoned) return { removed: 0, more: true };
    piece.isUnderWay = true;
    const time = this.#timeOf(piece);
    const ask = () => this.#driver.sweep(piece.target, limitOf(time.deadline));
    const swept = await raceDeadline(time, callDriver(ask, "the driver failed to sweep"));
    if (!Number.isSafeInteger(swept?.removed))
      throw new Error("the driver's `removed` of a sweep is not a number");
    this.#lastProgressAt = monotonicMs();
    await nextTurn();
    return swept;
  }
}

/** OUTCOME_UNKNOWN for a commit that happened. What it left behind is invisible, and the driver goes on removing it. */
function notFullyRemoved(cause: unknown): StateError<"OUTCOME_UNKNOWN"> {
  const message =
    "what was to be erased is erased, but not all that was left of it has been removed yet: erase it again, or leave it to later work";
  return new StateError("OUTCOME_UNKNOWN", message, { details: {}, cause, retryable: false });
}
