import { setTimeout as sleep } from "node:timers/promises";
import { jitteredPause } from "../backoff.js";
import type { CallOptions, Change, CommitReceipt, StateStore } from "../contract.js";
import { isStateError, StateError } from "../errors.js";

export interface SurelyOptions extends CallOptions {
  /** The caller can make the same call again without doing its work twice. */
  readonly repeatable: boolean;
}

const BACKOFF = { baseMs: 50, mostMs: 1000, random: Math.random };
const TRIES = 6;

/**
 * A commit with at least one save. One whose answer was lost is sent again as it is, for its event ids tell whether it
 * happened. OUTCOME_UNKNOWN is left when no try got an answer; it is `retryable` only where the caller brought the ids.
 */
export async function commitSurely(
  store: StateStore,
  changes: readonly Change[],
  { signal, repeatable }: SurelyOptions,
): Promise<CommitReceipt> {
  let doubt: StateError | undefined;
  for (let tries = 1; ; tries++) {
    try {
      // Once in doubt, an abort would leave it there.
      return await store.commit(changes, doubt ? {} : { signal });
    } catch (error) {
      if (isStateError(error, "OUTCOME_UNKNOWN")) doubt = error;
      if (doubt === undefined || isDefinite(error)) throw error;
      if (tries === TRIES || signal?.aborted) throw unknown(doubt, repeatable);
    }
    await pause(jitteredPause(tries, BACKOFF), signal).catch(() => {});
  }
}

/** Of a later try only such an answer counts, for had the first happened it would be a replay. */
function isDefinite(error: unknown): boolean {
  return isStateError(error, "CONDITION_FAILED") || isStateError(error, "IDEMPOTENCY_CONFLICT");
}

/** Rejects with the signal's reason. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    // Node's own AbortError has the reason as its cause.
    signal?.throwIfAborted();
    throw error;
  });
}

function unknown(error: StateError, repeatable: boolean): StateError<"OUTCOME_UNKNOWN"> {
  const { message, cause = error } = error;
  return new StateError("OUTCOME_UNKNOWN", message, { details: {}, cause, retryable: repeatable });
}
