import { isStateError, StateError } from "../contract/errors.js";
import type { StateStore } from "../contract/store.js";
import { setImmediate } from "../timing/real-timers.js";
import { type Cell, cellKey } from "../typed/cell.js";
import { outsideOfLocks, refuseReentry } from "../typed/mutex.js";
import { transact } from "../typed/transact.js";
import { WriteSet } from "./write-set.js";

/** Fewer than a commit may have: other writers change something of a larger one more often, and all of it is made again. */
const MAX_CHANGES = 256;

/** A unit of work on a tenant's accounts. */
export interface Work<R> {
  /** The cells it reads and may write. All are read before `apply` runs. */
  readonly reads: readonly Cell<unknown>[];
  /** How many cells it writes without reading them. */
  readonly writes: number;
  /** Makes the writes. If it throws, its writes are dropped. It runs again when other writers were faster. */
  apply(writes: WriteSet): Promise<R>;
  /** The caller brought an id, so the same call again cannot take effect twice. */
  readonly repeatable: boolean;
}

interface QueuedWork {
  readonly work: Work<unknown>;
  readonly signal: AbortSignal | undefined;
  resolve(result: unknown): void;
  reject(reason: unknown): void;
}

type Result =
  | { readonly is: "done"; readonly value: unknown }
  | { readonly is: "refused"; readonly error: unknown };

/**
 * Combines the work of one process on the same tenant: one commit carries many entries and writes each rollup once. Work
 * that throws is refused alone. If a commit fails because of one member, the members are committed one by one.
 */
export class Combiner {
  readonly #store: StateStore;
  readonly #turnOf: (tenant: string) => Cell<unknown, never>;
  readonly #queues = new Map<string, QueuedWork[]>();

  /** `turnOf`: the slot whose lock keeps a stream of commits from overtaking each unit of the same process. */
  constructor(store: StateStore, turnOf: (tenant: string) => Cell<unknown, never>) {
    this.#store = store;
    this.#turnOf = turnOf;
  }

  run<R>(tenant: string, work: Work<R>, signal: AbortSignal | undefined): Promise<R> {
    signal?.throwIfAborted();
    refuseReentry(this.#store, cellKey(this.#turnOf(tenant)));
    return new Promise<R>((resolve, reject) => {
      const queued = { work, signal, resolve: resolve as (result: unknown) => void, reject };
      const queue = this.#queues.get(tenant);
      if (queue !== undefined) {
        queue.push(queued);
        return;
      }
      this.#queues.set(tenant, [queued]);
      outsideOfLocks(() => setImmediate(() => void this.#drain(tenant)));
    });
  }

  async #drain(tenant: string): Promise<void> {
    const queue = this.#queues.get(tenant) as QueuedWork[];
    while (queue.length > 0) {
      const batch = takeBatch(queue);
      await this.#commitBatch(batch, this.#turnOf(tenant));
    }
    this.#queues.delete(tenant);
  }

  async #commitBatch(batch: readonly QueuedWork[], turn: Cell<unknown, never>): Promise<void> {
    try {
      const results = await transact(
        this.#store,
        (transaction) => applyAll(new WriteSet(transaction), batch),
        {
          attempts: 1000,
          repeatable: true,
          turn,
        },
      );
      for (const [index, result] of results.entries()) settle(batch[index] as QueuedWork, result);
    } catch (error) {
      const failsAll = batch.length === 1 || concernsAll(error);
      for (const queued of batch) {
        if (failsAll) queued.reject(errorFor(queued, error));
        else await this.#commitBatch([queued], turn);
      }
    }
  }
}

/** Takes as much work as fits into one commit, at least one, and rejects work that was aborted. */
function takeBatch(queue: QueuedWork[]): QueuedWork[] {
  const batch: QueuedWork[] = [];
  const read = new Set<string>();
  let written = 0;
  for (let next = queue[0]; next !== undefined; next = queue[0]) {
    if (next.signal?.aborted) next.reject(next.signal.reason);
    else {
      const { reads, writes } = next.work;
      const added = new Set(reads.map(cellKey).filter((key) => !read.has(key)));
      if (batch.length > 0 && read.size + added.size + written + writes > MAX_CHANGES) break;
      for (const key of added) read.add(key);
      written += writes;
      batch.push(next);
    }
    queue.shift();
  }
  return batch;
}

async function applyAll(writes: WriteSet, batch: readonly QueuedWork[]): Promise<Result[]> {
  const read = (cell: Cell<unknown>) => writes.get(cell);
  // All cells are read in the same turn, so that the store sends one query. A failed read rejects only the work that
  // needs the cell.
  const ready = batch.map(({ work }) => Promise.all(work.reads.map(read)));
  await Promise.allSettled(ready);
  const results: Result[] = [];
  for (const [index, { work }] of batch.entries()) {
    results.push(await resultOf(ready[index]?.then(() => writes.allOrNothing(() => work.apply(writes)))));
  }
  await writes.flush();
  return results;
}

async function resultOf(applied: Promise<unknown> | undefined): Promise<Result> {
  try {
    return { is: "done", value: await applied };
  } catch (error) {
    return { is: "refused", error };
  }
}

function settle({ resolve, reject }: QueuedWork, result: Result): void {
  if (result.is === "done") resolve(result.value);
  else reject(result.error);
}

function concernsAll(error: unknown): boolean {
  return isStateError(error) && /^(UNAVAILABLE|OUTCOME_UNKNOWN|STORE_CLOSED)$/.test(error.code);
}

/** An OUTCOME_UNKNOWN is `retryable` only for work whose caller brought an id. */
function errorFor({ work }: QueuedWork, error: unknown): unknown {
  if (!isStateError(error, "OUTCOME_UNKNOWN") || work.repeatable) return error;
  return new StateError("OUTCOME_UNKNOWN", error.message, {
    details: {},
    cause: error.cause,
    retryable: false,
  });
}
