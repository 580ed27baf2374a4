import { isStateError } from "../contract/errors.js";
import type { Watch } from "../contract/store.js";
import { settlesWithin } from "../timing/cancellation.js";
import { monotonicMs, sleep } from "../timing/real-timers.js";

/** How long a claim waits, and what cancels it. */
export interface ClaimWait {
  /** 0: it does not wait. */
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
}

/** The run that a claim waits for. */
export interface AwaitedRun {
  /** Watches the run's state. */
  readonly watch: () => Watch;
  /** The clock by which leases pass. */
  readonly now: () => number;
  /** How often that clock is looked at: it may be set. */
  readonly pollMs: number;
}

/**
 * Claims a run as soon as its lease has passed or was given back, or it is resumed. The refusal of the last try if the time
 * is up before.
 */
export async function claimInTurn<R>(
  run: AwaitedRun,
  claim: () => Promise<R>,
  { waitMs, signal }: ClaimWait,
): Promise<R> {
  const deadline = monotonicMs() + waitMs;
  let watch: Watch | undefined;
  let change: Promise<IteratorResult<unknown>> | undefined;
  try {
    for (;;) {
      try {
        return await claim();
      } catch (error) {
        const until = heldUntil(error);
        if (until === undefined || monotonicMs() >= deadline) throw error;
        watch ??= run.watch();
        change ??= watch.next();
        if (!(await comesUp(run, { change, until, deadline, signal })).isChanged) continue;
        // A watch that has ended says so at once, for ever: the next claim finds out why.
        change = (await change).done ? new Promise(() => {}) : undefined;
      }
    }
  } finally {
    await watch?.return();
  }
}

/** Until when a refusal says that waiting is of no use; `undefined` if waiting is of no use at all. */
function heldUntil(error: unknown): number | undefined {
  if (isStateError(error, "LEASE_HELD")) return error.details.until.getTime();
  if (isStateError(error, "WRONG_STATUS") && error.details.status === "paused")
    return Number.POSITIVE_INFINITY;
  return undefined;
}

interface Expected {
  readonly change: Promise<unknown>;
  /** On the clock of the records. */
  readonly until: number;
  /** On the clock of `monotonicMs`. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

/** Resolves when the run has changed, when its lease has passed, or when the time is up. */
async function comesUp(
  { now, pollMs }: AwaitedRun,
  { change, until, deadline, signal }: Expected,
): Promise<{ readonly isChanged: boolean }> {
  for (;;) {
    const left = Math.max(0, Math.min(deadline - monotonicMs(), until - now(), pollMs));
    const isChanged = await settlesWithin(change, Math.ceil(left), signal);
    signal?.throwIfAborted();
    if (isChanged || now() >= until || monotonicMs() >= deadline) return { isChanged };
  }
}

/** Claims the next run of a queue, and looks again until there is one or the time is up. */
export async function nextInTurn<R>(
  claimNext: () => Promise<R | undefined>,
  pollMs: number,
  { waitMs, signal }: ClaimWait,
): Promise<R | undefined> {
  const deadline = monotonicMs() + waitMs;
  for (;;) {
    const claimed = await claimNext();
    const left = deadline - monotonicMs();
    if (claimed !== undefined || left <= 0) return claimed;
    // Workers that began to wait together do not all look at the same time.
    await sleep(Math.ceil(Math.min(left, pollMs * (0.5 + Math.random()))), signal);
  }
}
