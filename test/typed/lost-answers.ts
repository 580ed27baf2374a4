import { StateError, type StateStore } from "../../src/index.js";

export interface LostAnswers {
  /** 0 to 1: how many of the writes do not happen. */
  readonly requests: number;
  /** 0 to 1: how many of those that happen are not answered. */
  readonly replies: number;
  /** 0 to 1: how many happen only when their caller has given up, and what passes until then. */
  readonly late?: { readonly share: number; readonly pause: () => Promise<unknown> };
  readonly random?: () => number;
}

/** The store as it is behind a bad line: some writes never arrive, of others the answer is lost. Reads are not touched. */
export function losingAnswers(
  store: StateStore,
  { requests, replies, late, random = Math.random }: LostAnswers,
) {
  const lost = () => new StateError("OUTCOME_UNKNOWN", "the line broke", { details: {}, retryable: true });
  const overTheLine =
    <A extends unknown[], R>(write: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (random() < requests) throw lost();
      if (late && random() < late.share) {
        late
          .pause()
          .then(() => write(...args))
          .catch(() => {});
        throw lost();
      }
      const answer = await write(...args);
      if (random() < replies) throw lost();
      return answer;
    };
  return {
    save: overTheLine(store.save.bind(store)),
    commit: overTheLine(store.commit.bind(store)),
    delete: overTheLine(store.delete.bind(store)),
    erase: overTheLine(store.erase.bind(store)),
    load: store.load.bind(store),
    find: store.find.bind(store),
    loadByEventId: store.loadByEventId.bind(store),
    list: store.list.bind(store),
    listKind: store.listKind.bind(store),
    close: store.close.bind(store),
    [Symbol.asyncDispose]: store[Symbol.asyncDispose].bind(store),
  } satisfies StateStore;
}
