import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { jitteredPause } from "../backoff.js";
import type { Commit, Driver, Layer, Outcome } from "../driver.js";
import { isStateError, type StateError } from "../errors.js";

export interface RetryPolicy {
  /** Tries in all, the first included. Default 8. */
  readonly attempts?: number;
  /** The longest pause before the second try, in milliseconds; it doubles with each. Default 20. */
  readonly baseMs?: number;
  /** The longest pause of all, in milliseconds. Default 1,000. */
  readonly mostMs?: number;
  /** No try begins later than this after the first, in milliseconds. Default 10,000. */
  readonly withinMs?: number;
  /** 0 to 1, both possible; spreads the pauses of many callers. */
  readonly random?: () => number;
}

const DEFAULTS = { attempts: 8, baseMs: 20, mostMs: 1000, withinMs: 10_000, random: Math.random };

/**
 * Tries again what passes by itself: a lock, a deadlock, a lost connection. What may have been written is tried
 * again only where every commit of the batch has event ids that tell what happened. An erase whose outcome is
 * unknown is not. Ends with the driver's close.
 */
export function retrying(policy: RetryPolicy = {}): Layer {
  const rules = { ...DEFAULTS, ...policy };
  return (driver) => {
    const closing = new AbortController();
    // Every pause listens to it, and Node takes an eleventh listener for a leak.
    setMaxListeners(0, closing.signal);
    const again = async <T>(ask: () => Promise<T>): Promise<T> =>
      (await attempt(ask, isTransient, rules, closing.signal)).answer;
    return {
      handsOver: driver.handsOver ?? false,
      async apply(commits, options) {
        const ask = () => driver.apply(commits, options);
        const { answer, doubt } = await attempt(ask, repeatsSafely(commits), rules, closing.signal);
        return doubt === undefined ? answer : answer.map((outcome) => stillInDoubt(outcome, doubt));
      },
      read: (slots) => again(() => driver.read(slots)),
      readByEventId: (tenant, eventId) => again(() => driver.readByEventId(tenant, eventId)),
      scan: (query) => again(() => driver.scan(query)),
      erase: (tenant, user, session) => again(() => driver.erase(tenant, user, session)),
      status: () => driver.status(),
      close() {
        closing.abort();
        return driver.close();
      },
    } satisfies Driver;
  };
}

/** An answer, and the error of the last try before it whose outcome is unknown. */
interface Answered<T> {
  readonly answer: T;
  readonly doubt: StateError | undefined;
}

async function attempt<T>(
  ask: () => Promise<T>,
  mayRepeat: (error: StateError) => boolean,
  rules: Required<RetryPolicy>,
  closing: AbortSignal,
): Promise<Answered<T>> {
  const end = performance.now() + rules.withinMs;
  let doubt: StateError | undefined;
  for (let tries = 1; ; tries++) {
    try {
      return { answer: await ask(), doubt };
    } catch (error) {
      if (isStateError(error, "OUTCOME_UNKNOWN")) doubt = error;
      // A later try that wrote nothing does not say that none did.
      const failure = doubt ?? error;
      if (tries >= rules.attempts || !isStateError(error) || !mayRepeat(error) || closing.aborted)
        throw failure;
      const pause = jitteredPause(tries, rules);
      if (performance.now() + pause > end) throw failure;
      await sleep(pause, undefined, { signal: closing }).catch(() => {
        throw failure;
      });
    }
  }
}

/** What a later try did not write, an earlier one may have written all the same. */
function stillInDoubt(outcome: Outcome, doubt: StateError): Outcome {
  return outcome.is === "failed" ? { is: "failed", error: doubt } : outcome;
}

/** Nothing was written, and the reason passes by itself. */
function isTransient(error: StateError): boolean {
  return isStateError(error, "UNAVAILABLE") && /^(busy|unreachable)$/.test(error.details?.reason);
}

function repeatsSafely(commits: readonly Commit[]): (error: StateError) => boolean {
  return (error) =>
    isTransient(error) ||
    (error.code === "OUTCOME_UNKNOWN" &&
      commits.every((commit) => commit.writes.some((write) => write.op === "save")));
}
