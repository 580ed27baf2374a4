import { isStateError, StateError } from "../contract/errors.js";
import type { Change, RecordKey, StateStore } from "../contract/store.js";
import { jitteredPause } from "../timing/backoff.js";
import { sleep } from "../timing/real-timers.js";
import { commitWithRetries, type RetryOptions } from "./commit-with-retries.js";
import type { Transaction } from "./transaction.js";

/** An attempt did not take effect because another writer was faster. */
export class Overtaken {
  readonly cause: StateError;

  constructor(cause: StateError) {
    this.cause = cause;
  }
}

export interface AttemptOptions {
  readonly signal: AbortSignal | undefined;
  /** How many attempts are made at most. */
  readonly attempts: number;
}

export interface CommitOptions extends RetryOptions {
  /** Whether another attempt may find out what this refusal means. */
  readonly isOvertaken?: (error: StateError) => boolean;
}

const BACKOFF = { baseMs: 2, mostMs: 100, random: Math.random };

/** A conflict of ids that another attempt does not find by reading is none that time solves. */
const MAX_CONFLICTS = 3;

/**
 * For work that finds what was written under its ids: another process took effect with the same ids, after this one had
 * looked for them, and the next attempt finds them.
 */
export function whileIdsConflict(): (error: StateError) => boolean {
  let conflicts = 0;
  return (error) => isStateError(error, "IDEMPOTENCY_CONFLICT") && ++conflicts <= MAX_CONFLICTS;
}

/** Makes attempts until one is not overtaken. UNAVAILABLE (`busy`) if all are. */
export async function untilNotOvertaken<R>(
  { signal, attempts }: AttemptOptions,
  attempt: () => Promise<R | Overtaken>,
): Promise<R> {
  for (let made = 1; ; made++) {
    signal?.throwIfAborted();
    const result = await attempt();
    if (!(result instanceof Overtaken)) return result;
    if (made === attempts) throw busy(attempts, result.cause);
    await sleep(jitteredPause(made, BACKOFF), signal);
  }
}

/** Commits what a transaction wrote if nothing that it read has changed. Returns whether an earlier call made the commit. */
export async function commitTransaction(
  store: StateStore,
  transaction: Transaction,
  options: CommitOptions,
): Promise<boolean | Overtaken> {
  const changes = await transaction.changes();
  if (changes.length === 0) return false;
  try {
    return (await commitWithRetries(store, changes, options)).duplicate;
  } catch (error) {
    if (!isStateError(error)) throw error;
    if (options.isOvertaken?.(error)) return new Overtaken(error);
    if (isStateError(error, "CONDITION_FAILED")) {
      if (!(await transaction.hasUnmetExpectation(error.details))) return new Overtaken(error);
      throw transaction.explained(error.details, error);
    }
    throw transaction.explained(slotOf(refusedChange(store, changes, error)), error);
  }
}

/** The change that a refusal is about. */
function refusedChange(store: StateStore, changes: readonly Change[], error: StateError): Change | undefined {
  const { change } = error.details as { readonly change?: number };
  if (change !== undefined) return changes[change];
  // An error about a value that is too large does not say which.
  const isTooLarge = (save: Change) =>
    save.op === "save" && save.record.bytes.byteLength > store.limits.maxBytes;
  return isStateError(error, "INVALID_RECORD") ? changes.find(isTooLarge) : undefined;
}

function slotOf(change: Change | undefined): RecordKey | undefined {
  if (change === undefined || change.op === "erase") return undefined;
  return change.op === "save" ? change.record : change;
}

function busy(attempts: number, cause: StateError): StateError<"UNAVAILABLE"> {
  return new StateError(
    "UNAVAILABLE",
    `other writers changed what this call read, ${attempts} times; nothing was written: try again later`,
    {
      details: { reason: "busy" },
      cause,
    },
  );
}
