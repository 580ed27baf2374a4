import { raceAbort } from "../timing/cancellation.js";
import { inOneSlice } from "../typed/slices.js";

interface Refreshed {
  refresh(signal: AbortSignal): Promise<void>;
}

interface Query {
  readonly ask: () => void;
  readonly fail: (error: unknown) => void;
  readonly isAborted: () => boolean;
}

/**
 * Answers queries from an index that is brought up to date before: each sees what was stored before it was asked. Queries that
 * come during a refresh share the next one. No refresh runs while they are answered.
 */
export class FreshIndex<I extends Refreshed> {
  readonly index: I;
  #waiting: Query[] = [];
  #isRunning = false;
  #underWay: { readonly queries: readonly Query[]; readonly controller: AbortController } | undefined;

  constructor(index: I) {
    this.index = index;
  }

  get isInUse(): boolean {
    return this.#isRunning;
  }

  /** Rejects with the signal's reason, and with the errors of the refresh. */
  query<R>(ask: (index: I) => R, signal: AbortSignal | undefined): Promise<R> {
    signal?.throwIfAborted();
    const answer = new Promise<R>((resolve, reject) => {
      this.#waiting.push({
        ask: () => resolve(ask(this.index)),
        fail: reject,
        isAborted: () => signal?.aborted === true,
      });
    });
    if (!this.#isRunning) void this.#run();
    const raced = raceAbort(answer, signal);
    raced.catch(() => this.#endIfAbandoned());
    return raced;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const queries = this.#waiting.filter(({ isAborted }) => !isAborted());
      this.#waiting = [];
      if (queries.length > 0) await this.#answer(queries);
    }
    this.#isRunning = false;
  }

  async #answer(queries: readonly Query[]): Promise<void> {
    const controller = new AbortController();
    this.#underWay = { queries, controller };
    try {
      await this.index.refresh(controller.signal);
    } catch (error) {
      for (const { fail } of queries) fail(error);
      return;
    } finally {
      this.#underWay = undefined;
    }
    for (const { ask, fail, isAborted } of queries) if (!isAborted()) await inOneSlice(ask).catch(fail);
  }

  /** A refresh for which nobody waits any more ends. */
  #endIfAbandoned(): void {
    const { queries, controller } = this.#underWay ?? {};
    if (queries?.every(({ isAborted }) => isAborted())) controller?.abort();
  }
}
