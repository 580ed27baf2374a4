import { withCallerStack } from "../../contract/caller-stack.js";
import { isStateError } from "../../contract/errors.js";
import type { RecordKey, StateStore } from "../../contract/store.js";
import { onAbort } from "../../timing/on-abort.js";
import { nextTurn, queueMicrotask } from "../../timing/real-timers.js";
import { cellKey } from "../cell.js";
import { outcomeUnknown } from "../commit-with-retries.js";
import { outsideOfLocks, refuseReentry } from "../mutex.js";
import { transact } from "../transact.js";
import type { Transaction } from "../transaction.js";
import { takeBatch } from "./batch.js";
import type { CombinedCommit, CombinedWork } from "./combined-work.js";
import { doAll, type Outcome } from "./do-all.js";
import type { QueuedWork } from "./queued-work.js";

/** Far more than a commit needs beside eight other processes. Each attempt makes all work of the commit again. */
const MAX_ATTEMPTS = 1000;

/** Each work is asked for an earlier answer before it is done, or only where it has to be. */
type Recall = "all" | "doubles";

/**
 * Combines the work of one process on the same slots: what waits for its turn shares the next commit. Each caller gets the
 * answer or the error of its own work, as if it had been alone:
 *
 * - Work that throws has written nothing, and the others go on.
 * - If the store refuses a commit because it knows ids of some of its members, these are asked for their earlier answers,
 *   and the rest is committed together. For any other refusal the members are halved until it meets only one.
 * - Work that is aborted while it waits is left out. Once its commit is under way it is carried through.
 */
export class Combiner<C extends CombinedCommit> {
  readonly #store: StateStore;
  readonly #open: (transaction: Transaction) => C;
  readonly #queues = new Map<string, QueuedWork<C>[]>();

  /** `open` makes what the works of a commit write through, for each attempt anew. */
  constructor(store: StateStore, open: (transaction: Transaction) => C) {
    this.#store = store;
    this.#open = open;
  }

  /**
   * Does the work in a commit with other work of the same turn, in the order of the calls. The commits hold the lock of the
   * turn, so a stream of work does not overtake other writers of this process. INVALID_RECORD within work of that turn.
   */
  async run<R>(turn: RecordKey, work: CombinedWork<C, R>, signal: AbortSignal | undefined): Promise<R> {
    signal?.throwIfAborted();
    const key = cellKey(turn);
    refuseReentry(this.#store, key);
    try {
      return await this.#enqueue(turn, key, work, signal);
    } catch (error) {
      throw withCallerStack(error);
    }
  }

  #enqueue<R>(
    turn: RecordKey,
    key: string,
    work: CombinedWork<C, R>,
    signal: AbortSignal | undefined,
  ): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      const queued: QueuedWork<C> = {
        work,
        signal,
        isTaken: false,
        resolve: resolve as (answer: unknown) => void,
        reject,
        release: signal && onAbort(signal, () => this.#abandon(key, queued)),
      };
      const queue = this.#queues.get(key);
      if (queue !== undefined) {
        queue.push(queued);
        return;
      }
      const first = [queued];
      this.#queues.set(key, first);
      outsideOfLocks(() => queueMicrotask(() => void this.#drain(turn, key, first)));
    });
  }

  /** Work that is taken is carried through: its caller gets the real outcome. */
  #abandon(key: string, queued: QueuedWork<C>): void {
    const queue = this.#queues.get(key);
    if (queued.isTaken || queue === undefined) return;
    queue.splice(queue.indexOf(queued), 1);
    queued.release?.();
    queued.reject(queued.signal?.reason);
  }

  async #drain(turn: RecordKey, key: string, queue: QueuedWork<C>[]): Promise<void> {
    while (queue.length > 0) {
      const batch = takeBatch(queue);
      await this.#commit(turn, batch, "doubles");
      // The callers of a shared commit are about to call again. A lone caller waits for nobody.
      if (batch.length > 1) await nextTurn();
    }
    this.#queues.delete(key);
  }

  async #commit(turn: RecordKey, batch: readonly QueuedWork<C>[], recall: Recall): Promise<void> {
    let outcomes: readonly Outcome[];
    try {
      outcomes = await this.#attempt(turn, batch, recall);
    } catch (error) {
      return this.#divide(turn, batch, recall, error);
    }
    for (const [index, outcome] of outcomes.entries()) settle(batch[index] as QueuedWork<C>, outcome);
  }

  #attempt(turn: RecordKey, batch: readonly QueuedWork<C>[], recall: Recall): Promise<readonly Outcome[]> {
    const lone = batch.length === 1 ? batch[0] : undefined;
    return transact(this.#store, (transaction) => doAll(this.#open(transaction), batch, recall === "all"), {
      attempts: MAX_ATTEMPTS,
      repeatable: lone?.work.repeatable ?? true,
      turn,
      signal: lone?.signal,
    });
  }

  /** After a commit that was refused: which of its members is it about? */
  async #divide(
    turn: RecordKey,
    batch: readonly QueuedWork<C>[],
    recall: Recall,
    error: unknown,
  ): Promise<void> {
    const mayBeKnown = batch.some(({ work }) => work.recall !== undefined);
    if (isStateError(error, "IDEMPOTENCY_CONFLICT") && recall !== "all" && mayBeKnown)
      return this.#commit(turn, batch, "all");
    if (batch.length === 1 || concernsAll(error)) {
      for (const queued of batch) settle(queued, { is: "refused", error: errorFor(queued, error) });
      return;
    }
    const middle = batch.length >> 1;
    await this.#commit(turn, batch.slice(0, middle), recall);
    await this.#commit(turn, batch.slice(middle), recall);
  }
}

function settle<C>({ release, resolve, reject }: QueuedWork<C>, outcome: Outcome): void {
  release?.();
  if (outcome.is === "done") resolve(outcome.answer);
  else reject(outcome.error);
}

function concernsAll(error: unknown): boolean {
  return isStateError(error) && /^(UNAVAILABLE|OUTCOME_UNKNOWN|STORE_CLOSED)$/.test(error.code);
}

/** An OUTCOME_UNKNOWN is `retryable` only for work whose caller brought an id. */
function errorFor<C>({ work }: QueuedWork<C>, error: unknown): unknown {
  if (!isStateError(error, "OUTCOME_UNKNOWN") || work.repeatable) return error;
  return outcomeUnknown(error, false);
}
