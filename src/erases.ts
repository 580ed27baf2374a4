import { setImmediate as nextTurn } from "node:timers/promises";
import { askDriver } from "./ask-driver.js";
import type { CommitQueue } from "./commit-queue.js";
import type { Driver, Session } from "./driver.js";
import { StateError } from "./errors.js";
import { unlessAborted } from "./patience.js";
import { accepted } from "./refusal.js";

/** The erases of one store. What one leaves behind is swept up here, beside the batches, a piece at a time. */
export class Erases {
  readonly #driver: Driver;
  readonly #queue: CommitQueue;
  readonly #underWay = new Set<Promise<number>>();
  readonly #abandoned = new AbortController();
  /** The piece that was asked for last: of several erases each has its turn. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(driver: Driver, queue: CommitQueue) {
    this.#driver = driver;
    this.#queue = queue;
  }

  /** How many records it removed. Once the erase itself has happened, the signal ends nothing. */
  erase(session: Session, signal: AbortSignal | undefined): Promise<number> {
    const erased = this.#erase(session, signal);
    this.#underWay.add(erased);
    const done = () => this.#underWay.delete(erased);
    erased.then(done, done);
    return erased;
  }

  /** Resolves when no erase is under way. */
  async finished(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /** Rejects those that sweep; what is left stays unseen, and is later work's to remove. */
  abandon(): void {
    this.#abandoned.abort(new Error("the store was closed before everything was removed"));
  }

  async #erase(session: Session, signal: AbortSignal | undefined): Promise<number> {
    const commit = { tenant: session.tenant, writes: [{ op: "erase", session }] } as const;
    const outcome = accepted(commit, await this.#queue.commit(commit, signal));
    if (outcome.is === "duplicate") throw notCounted(new Error("the driver took an erase for a replay"));
    const [erased = 0] = outcome.erased ?? [];
    return outcome.remains ? erased + (await this.#sweep(session)) : erased;
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

/** OUTCOME_UNKNOWN, for an erase that happened: nothing shows what it left behind, and a driver goes on with it. */
function notCounted(cause: unknown): StateError<"OUTCOME_UNKNOWN"> {
  const message =
    "the session is erased, but not all that was left of it has been removed yet: erase it again, or leave it to later work";
  return new StateError("OUTCOME_UNKNOWN", message, { details: {}, cause, retryable: false });
}
