import { jitteredPause } from "../backoff.js";
import type { CallOptions, Change, CommitReceipt, StateStore } from "../contract.js";
import { invalid, isStateError, StateError } from "../errors.js";
import { sleep } from "../real-timers.js";

export { sleep as pause } from "../real-timers.js";

export interface SurelyOptions extends CallOptions {
  /** The caller can make the same call again without doing its work twice. */
  readonly repeatable: boolean;
}

const BACKOFF = { baseMs: 50, mostMs: 1000, random: Math.random };
const TRIES = 6;

/**
 * A commit whose answer was lost is sent again as it is, for its event ids tell whether it happened, and a commit of
 * checks does nothing. OUTCOME_UNKNOWN is left when no try got an answer, and when it deletes and saves nothing, and so
 * has no event ids; it is `retryable` only where the caller brought the ids.
 */
export async function commitSurely(
  store: StateStore,
  changes: readonly Change[],
  { signal, repeatable }: SurelyOptions,
): Promise<CommitReceipt> {
  const mayRepeat = changes.some(({ op }) => op === "save") || changes.every(({ op }) => op === "check");
  let doubt: StateError<"OUTCOME_UNKNOWN"> | undefined;
  for (let tries = 1; ; tries++) {
    try {
      // Once in doubt, an abort would leave it there.
      return await store.commit(changes, doubt ? {} : { signal });
    } catch (error) {
      if (isStateError(error, "OUTCOME_UNKNOWN")) doubt = error;
      // The caller gave a value, and knows neither bytes nor changes.
      if (isStateError(error, "INVALID_RECORD") && error.details.field === "bytes")
        throw invalid("value", `${error.details.rule} when it is encoded`);
      // Of a later try only a definite answer counts: that it was turned away says nothing of the first.
      if (doubt === undefined || wasJudged(error)) throw error;
      if (!mayRepeat || tries === TRIES || signal?.aborted) throw unknown(doubt, repeatable);
    }
    await sleep(jitteredPause(tries, BACKOFF), signal).catch(() => {});
  }
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
