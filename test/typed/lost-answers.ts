import { expect } from "vitest";
import { StateError, type StateStore } from "../../src/index.js";

export interface LostAnswers {
  /** The share of writes that are lost, 0 to 1. */
  readonly requests: number;
  /** The share of applied writes whose answer is lost, 0 to 1. */
  readonly replies: number;
  /** The share of writes that are applied only after their caller got an error, 0 to 1, and the delay. */
  readonly late?: { readonly share: number; readonly pause: () => Promise<unknown> };
  readonly random?: () => number;
  /**
   * How often the same write may be lost, so that a caller with a bounded number of attempts gets it through. Absent: any
   * number of times.
   */
  readonly mostPerWrite?: number;
}

/** The store behind an unreliable connection: some writes are lost, others lose their answer. Reads always succeed. */
export function losingAnswers(
  store: StateStore,
  { requests, replies, late, random = Math.random, mostPerWrite = Number.POSITIVE_INFINITY }: LostAnswers,
) {
  const lost = () => new StateError("OUTCOME_UNKNOWN", "the line broke", { details: {}, retryable: true });
  const losses = new Map<string, number>();
  const overTheLine =
    <A extends unknown[], R>(write: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      // The signal differs from attempt to attempt.
      const same = JSON.stringify(args, (key, value) => (key === "signal" ? undefined : value));
      const isLost = (share: number) => {
        const before = losses.get(same) ?? 0;
        if (before >= mostPerWrite || random() >= share) return false;
        losses.set(same, before + 1);
        return true;
      };
      if (isLost(requests)) throw lost();
      if (late && random() < late.share) {
        late
          .pause()
          .then(() => write(...args))
          .catch(() => {});
        throw lost();
      }
      const answer = await write(...args);
      if (isLost(replies)) throw lost();
      return answer;
    };
  return {
    limits: store.limits,
    save: overTheLine(store.save.bind(store)),
    commit: overTheLine(store.commit.bind(store)),
    delete: overTheLine(store.delete.bind(store)),
    erase: overTheLine(store.erase.bind(store)),
    load: store.load.bind(store),
    find: store.find.bind(store),
    loadByEventId: store.loadByEventId.bind(store),
    list: store.list.bind(store),
    listKind: store.listKind.bind(store),
    watch: store.watch.bind(store),
    count: store.count.bind(store),
    listSessions: store.listSessions.bind(store),
    close: store.close.bind(store),
    [Symbol.asyncDispose]: store[Symbol.asyncDispose].bind(store),
  } satisfies StateStore;
}

/** Repeats a call until its outcome is known; every unknown outcome on the way has to be retryable. */
export async function untilKnown<R>(call: () => Promise<R>): Promise<R> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: true });
    }
  }
}
