import { invalid, isStateError, StateError } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { CallOptions, Change, CommitReceipt, StateStore } from "../contract/store.js";
import { safelyRepeatedMs } from "../rules/decide.js";
import { jitteredPause } from "../timing/backoff.js";
import { abortAfter, monotonicMs, sleep } from "../timing/real-timers.js";

export { sleep as pause } from "../timing/real-timers.js";

export interface SurelyOptions extends CallOptions {
  /** The caller can make the same call again without doing its work twice. */
  readonly repeatable: boolean;
}

const BACKOFF = { baseMs: 50, mostMs: 1000, random: Math.random };
const TRIES = 6;

/**
 * A commit whose answer was lost is sent again as it is, for its event ids tell whether it happened, and a commit of
 * checks does nothing. No try begins later than half the idempotency window after the first: an id that was forgotten
 * would let it happen again, over what was written since. OUTCOME_UNKNOWN is left when no try got an answer, and when it
 * deletes and saves nothing, and so has no event ids; it is `retryable` only where the caller brought the ids, and while
 * they surely tell.
 */
export async function commitWithRetries(
  store: StateStore,
  changes: readonly Change[],
  { signal, repeatable }: SurelyOptions,
): Promise<CommitReceipt> {
  const saves = changes.some(({ op }) => op === "save");
  const mayRepeat = saves || changes.every(({ op }) => op === "check");
  const repeatedUntil = monotonicMs() + (saves ? repeatedMs(store) : Number.POSITIVE_INFINITY);
  let doubt: StateError<"OUTCOME_UNKNOWN"> | undefined;
  for (let tries = 1; ; tries++) {
    const left = repeatedUntil - monotonicMs();
    if (doubt !== undefined && left <= 0) throw unknown(doubt, false);
    const deadline = doubt && abortAfter(left);
    try {
      // Once in doubt, the caller's abort would leave it there; what waits until the ids may be forgotten is not sent.
      return await store.commit(changes, { signal: deadline ? deadline.signal : signal });
    } catch (error) {
      if (isStateError(error, "OUTCOME_UNKNOWN")) doubt = error;
      // The caller gave a value, and knows neither bytes nor changes.
      if (isStateError(error, "INVALID_RECORD") && error.details.field === "bytes")
        throw invalid("value", `${error.details.rule} when it is encoded`);
      // Of a later try only a definite answer counts: that it was turned away says nothing of the first.
      if (doubt === undefined || wasJudged(error)) throw error;
      const pauseMs = jitteredPause(tries, BACKOFF);
      const isOver = monotonicMs() + pauseMs >= repeatedUntil;
      if (!mayRepeat || isOver || tries === TRIES || signal?.aborted)
        throw unknown(doubt, repeatable && !isOver);
      await sleep(pauseMs, signal).catch(() => {});
    } finally {
      deadline?.clear();
    }
  }
}

function repeatedMs({ limits }: StateStore): number {
  return safelyRepeatedMs(limits?.idempotencyWindowMs ?? LIMITS.idempotencyWindowMs);
}

/** Its event ids were looked at and not found, so no earlier try took effect. */
function wasJudged(error: unknown): boolean {
  return isStateError(error, "CONDITION_FAILED") || isStateError(error, "IDEMPOTENCY_CONFLICT");
}

function unknown(cause: StateError<"OUTCOME_UNKNOWN">, repeatable: boolean): StateError<"OUTCOME_UNKNOWN"> {
  const advice = repeatable ? "make the same call again" : "read before you make it again";
  return new StateError("OUTCOME_UNKNOWN", `it is not known whether the write took effect: ${advice}`, {
    details: cause.details,
    cause,
    retryable: repeatable,
  });
}
