import { setImmediate as nextTurn } from "node:timers/promises";
import { askDriver } from "./ask-driver.js";
import type { CommitQueue } from "./commit-queue.js";
import type { Commit, Driver, Session } from "./driver.js";
import { StateError } from "./errors.js";
import { unlessAborted } from "./patience.js";
import type { Payloads } from "./queue-entry.js";
import { accepted } from "./refusal.js";

/** What became of a commit with erases. */
export interface Erased {
  readonly duplicate: boolean;
  /** Per erase, in order: how many records are gone, those that were swept up among them; 0 of a replay. */
  readonly erased: readonly number[];
}

/** The commits of one store that erase. What one leaves behind is swept up here, beside the batches, a piece at a time. */
export class Erases {
  readonly #driver: Driver;
  readonly #queue: CommitQueue;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #abandoned = new AbortController();
  /** The piece that was asked for last: of several erases each has its turn. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(driver: Driver, queue: CommitQueue) {
    this.#driver = driver;
    this.#queue = queue;
  }

  /** Resolves when nothing is left of what it erases. Once the commit itself has happened, the signal ends nothing. */
  commit(commit: Commit, signal: AbortSignal | undefined, payloads?: Payloads): Promise<Erased> {
    const erased = this.#commit(commit, signal, payloads);
    this.#underWay.add(erased);
    const done = () => this.#underWay.delete(erased);
    erased.then(done, done);
    return erased;
  }

  /** Resolves when none of them is under way. */
  async finished(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /** Rejects those that sweep; what is left stays unseen, and is later work's to remove. */
  abandon(): void {
    this.#abandoned.abort(new Error("the store was closed before everything was removed"));
  }

  async #commit(commit: Commit, signal: AbortSignal | undefined, payloads?: Payloads): Promise<Erased> {
    const outcome = accepted(commit, await this.#queue.commit(commit, signal, payloads));
    const sessions = commit.writes.flatMap((write) => (write.op === "erase" ? write.session : []));
    if (outcome.is === "applied") {
      const { erased = [], remains } = outcome;
      const swept = remains ? await this.#sweepAll(sessions) : [];
      return {
        duplicate: false,
        erased: sessions.map((_, index) => (erased[index] ?? 0) + (swept[index] ?? 0)),
      };
    }
    if (sessions.length === commit.writes.length)
      throw notCounted(new Error("the driver took an erase for a replay"));
    // It may be its own first try that it is a replay of, whose answer was lost: that may have left something behind.
    await this.#sweepAll(sessions);
    return { duplicate: true, erased: sessions.map(() => 0) };
  }

  async #sweepAll(sessions: readonly Session[]): Promise<number[]> {
    const swept: number[] = [];
    for (const session of sessions) swept.push(await this.#sweep(session));
    return swept;
  }

  async #sweep(session: Session): Promise<number> {
    let removed = 0;
    for (;;) {
      const piece = this.#last.then(() => this.#piece(session));
      this.#last = piece.catch(() => {});
      const swept = await unlessAborted(piece, this.#abandoned.signal).catch((cause: unknown) => {
        throw notCounted(cause);
      });
      removed += swept.removed;
      if (!swept.more) return removed;
    }
  }

  /** In memory a piece is removed at once: without a pause, nothing else would have its turn before the last. */
  async #piece(session: Session) {
    this.#abandoned.signal.throwIfAborted();
    const swept = await askDriver(() => this.#driver.sweep(session), "the driver failed to sweep");
    if (!Number.isSafeInteger(swept?.removed))
      throw new Error("the driver swept a number of records that is none");
    await nextTurn();
    return swept;
  }
}

/** OUTCOME_UNKNOWN, for a commit that happened: nothing shows what it left behind, and a driver goes on with it. */
function notCounted(cause: unknown): StateError<"OUTCOME_UNKNOWN"> {
  const message =
    "what was to be erased is erased, but not all that was left of it has been removed yet: erase it again, or leave it to later work";
  return new StateError("OUTCOME_UNKNOWN", message, { details: {}, cause, retryable: false });
}
