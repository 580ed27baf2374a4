import { invalid, isStateError, StateError } from "../contract/errors.js";
import type { CallOptions, Change, CommitReceipt, StateStore } from "../contract/store.js";
import { safelyRepeatedMs } from "../rules/decide.js";
import { jitteredPause } from "../timing/backoff.js";
import { abortAfter, monotonicMs, sleep } from "../timing/real-timers.js";

export interface RetryOptions extends CallOptions {
  /** The caller can make the same call again without doing its work twice. */
  readonly repeatable: boolean;
}

const BACKOFF = { baseMs: 50, mostMs: 1000, random: Math.random };
const MAX_ATTEMPTS = 6;

/**
 * Commits, and sends the same commit again when the answer was lost. The store recognises the commit by its event ids; a
 * commit of nothing but checks can be repeated without them. No attempt begins later than half the idempotency window
 * after the first: once the store has forgotten the ids, the commit would take effect a second time and overwrite newer
 * values.
 *
 * OUTCOME_UNKNOWN when no attempt got an answer, and when a commit that deletes and saves nothing (so has no event ids)
 * lost its answer. The error is `retryable` only if the caller brought the ids and the store still knows them.
 */
export async function commitWithRetries(
  store: StateStore,
  changes: readonly Change[],
  { signal, repeatable }: RetryOptions,
): Promise<CommitReceipt> {
  const saves = changes.some(({ op }) => op === "save");
  const canRetry = saves || changes.every(({ op }) => op === "check");
  const retryUntil = monotonicMs() + (saves ? retryMs(store) : Number.POSITIVE_INFINITY);
  let unknownOutcome: StateError<"OUTCOME_UNKNOWN"> | undefined;
  for (let attempt = 1; ; attempt++) {
    const leftMs = retryUntil - monotonicMs();
    if (unknownOutcome !== undefined && leftMs <= 0) throw outcomeUnknown(unknownOutcome, false);
    const deadline = unknownOutcome && abortAfter(leftMs);
    try {
      // Later attempts ignore the caller's abort, because only they can find out the outcome. Their own deadline stops
      // one that is still queued when the store may have forgotten the ids.
      return await store.commit(changes, { signal: deadline ? deadline.signal : signal });
    } catch (error) {
      if (isStateError(error, "OUTCOME_UNKNOWN")) unknownOutcome = error;
      // The caller passed a value: name that instead of the bytes of a change.
      if (isStateError(error, "INVALID_RECORD") && error.details.field === "bytes")
        throw invalid("value", `${error.details.rule} when it is encoded`);
      // After one attempt with an unknown outcome, a refused later attempt does not prove that nothing was written.
      // Only an error from the check of the event ids does.
      if (unknownOutcome === undefined || isDefiniteRefusal(error)) throw error;
      const pauseMs = jitteredPause(attempt, BACKOFF);
      const isTooLate = monotonicMs() + pauseMs >= retryUntil;
      if (!canRetry || isTooLate || attempt === MAX_ATTEMPTS || signal?.aborted)
        throw outcomeUnknown(unknownOutcome, repeatable && !isTooLate);
      await sleep(pauseMs, signal).catch(() => {});
    } finally {
      deadline?.clear();
    }
  }
}

function retryMs({ limits }: StateStore): number {
  return safelyRepeatedMs(limits.idempotencyWindowMs);
}

/** The store looked for the event ids and did not find them, so no earlier attempt took effect. */
function isDefiniteRefusal(error: unknown): boolean {
  return isStateError(error, "CONDITION_FAILED") || isStateError(error, "IDEMPOTENCY_CONFLICT");
}

/** `repeatable`: the caller may make the same call again, for the store knows its ids. */
export function outcomeUnknown(
  cause: StateError<"OUTCOME_UNKNOWN">,
  repeatable: boolean,
): StateError<"OUTCOME_UNKNOWN"> {
  const advice = repeatable ? "make the same call again" : "read before you make it again";
  return new StateError("OUTCOME_UNKNOWN", `it is not known whether the write took effect: ${advice}`, {
    details: cause.details,
    cause,
    retryable: repeatable,
  });
}
