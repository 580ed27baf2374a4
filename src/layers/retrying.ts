import { setMaxListeners } from "node:events";
import type { CallLimit, Commit, Driver, Layer, Outcome } from "../contract/driver.js";
import { type AnyStateError, isStateError, StateError } from "../contract/errors.js";
import { emitRetry, type RetryEvent } from "../diagnostics/diagnostics.js";
import { afterWaiting, safelyRepeatedMs } from "../rules/decide.js";
import { isTransient } from "../rules/transient.js";
import { jitteredPause } from "../timing/backoff.js";
import { LATEST_START } from "../timing/call-time.js";
import { monotonicMs, sleep } from "../timing/real-timers.js";
import { readInteger, readOptions } from "../validation/validate.js";

/** How often and how long `retrying` tries. */
export interface RetryPolicy {
  /** How many attempts to make, the first included: 1 to 100. Default 100: in practice the time ends first. */
  readonly attempts?: number;
  /** The longest pause before the second attempt, in milliseconds; it doubles with each. Default 20. */
  readonly baseMs?: number;
  /** The longest pause of all, in milliseconds. Default 1,000. */
  readonly mostMs?: number;
  /** How long all attempts together may take, in milliseconds; the deadline of the call bounds them too. Default 10,000. */
  readonly withinMs?: number;
}

/** The clock and the timer of the layer; tests pass their own. */
export interface RetryRuntime {
  /** A clock that never goes back, in milliseconds. */
  readonly now: () => number;
  /** Resolves after so many milliseconds; rejects when the signal aborts before. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** 0 to 1, both possible; spreads the pauses of many callers. */
  readonly random: () => number;
}

const DEFAULTS: Required<RetryPolicy> = { attempts: 100, baseMs: 20, mostMs: 1000, withinMs: 10_000 };
const MAX_ATTEMPTS = 100;
const MAX_MS = 2 ** 31 - 1;

const RUNTIME: RetryRuntime = {
  now: monotonicMs,
  sleep,
  random: Math.random,
};

/**
 * Makes a layer that retries failures which pass by themselves: a lock, a deadlock, a lost connection. A batch that may have
 * been written is retried only if every commit has a save, whose event id makes that safe, and only within half the
 * idempotency window. Closing the driver ends the retries. The error of the last attempt says in `details.retries` how many
 * there were.
 *
 * INVALID_RECORD for an invalid policy.
 *
 * @example
 * ```ts
 * import { createStore } from "groundstate";
 * import { retrying } from "groundstate/layers";
 *
 * const retryingStore = createStore(driver, { layers: [retrying({ attempts: 5, withinMs: 3_000 })] });
 * await retryingStore.close();
 * ```
 */
export function retrying(policy: RetryPolicy = {}, runtime: RetryRuntime = RUNTIME): Layer {
  const rules = { ...readPolicy(policy), ...runtime };
  return (driver) => {
    const closing = new AbortController();
    // Every pause listens to this signal, and Node warns of a leak at the eleventh listener.
    setMaxListeners(0, closing.signal);
    const rulesOf = (operation: Operation, limit: CallLimit = {}): Rules => ({
      ...rules,
      deadline: Math.min(rules.now() + rules.withinMs, limit.deadline ?? Number.POSITIVE_INFINITY),
      operation,
      driver: driver.name,
      closing: closing.signal,
      inDoubtMs: Number.POSITIVE_INFINITY,
    });
    const retryRead = async <T>(
      operation: Operation,
      limit: CallLimit | undefined,
      ask: (limit: CallLimit) => Promise<T>,
    ): Promise<T> => {
      // The reason of a caller who has given up may be such an error, of another call.
      const mayRepeat = (error: AnyStateError) => isTransient(error) && !limit?.signal?.aborted;
      return (await attempt((_, deadline) => ask({ deadline }), mayRepeat, rulesOf(operation, limit))).answer;
    };
    const count = driver.count?.bind(driver);
    return {
      ...(driver.name === undefined ? {} : { name: driver.name }),
      ...(driver.timeoutMs === undefined ? {} : { timeoutMs: driver.timeoutMs }),
      ...(driver.batchesOneTenant === undefined ? {} : { batchesOneTenant: driver.batchesOneTenant }),
      returnsUnsharedBytes: driver.returnsUnsharedBytes ?? false,
      async apply(commits, options) {
        const { setAside } = options;
        const aside = new Map<number, Promise<Outcome>>();
        const keepAside = (index: number, outcome: Promise<Outcome>) => void aside.set(index, outcome);
        const ask = (elapsedMs: number, deadline: number) => {
          const later = { ...afterWaiting(options, elapsedMs), deadline };
          return driver.apply(commits, setAside === undefined ? later : { ...later, setAside: keepAside });
        };
        const apply = { ...rulesOf("apply", options), inDoubtMs: safelyRepeatedMs(options.window) };
        const { answer, doubt } = await attempt(ask, mayRepeatApply(commits), apply);
        const fields = (outcome: Outcome) => (doubt === undefined ? outcome : keepDoubt(outcome, doubt));
        for (const [index, outcome] of aside) setAside?.(index, outcome.then(fields));
        return answer.map(fields);
      },
      read: (slots, limit) => retryRead("read", limit, (left) => driver.read(slots, left)),
      // Not retried: the store asks again by itself.
      ...(driver.readEventIds && { readEventIds: driver.readEventIds.bind(driver) }),
      ...(driver.changeCounter && { changeCounter: driver.changeCounter.bind(driver) }),
      ...(driver.changes && { changes: driver.changes }),
      readByEventId: (session, eventId, limit) =>
        retryRead("readByEventId", limit, (left) => driver.readByEventId(session, eventId, left)),
      scan: (query, limit) => retryRead("scan", limit, (left) => driver.scan(query, { ...limit, ...left })),
      ...(count && {
        count: (query, limit) => retryRead("count", limit, (left) => count(query, { ...limit, ...left })),
      }),
      scanSessions: (query, limit) =>
        retryRead("scanSessions", limit, (left) => driver.scanSessions(query, { ...limit, ...left })),
      sweep: (session, limit) => retryRead("sweep", limit, (left) => driver.sweep(session, left)),
      ...(driver.ready && { ready: driver.ready.bind(driver) }),
      status: (limit) => driver.status(limit),
      close() {
        closing.abort();
        return driver.close();
      },
    } satisfies Driver;
  };
}

type Operation = RetryEvent["operation"];

interface Rules extends Required<RetryPolicy>, RetryRuntime {
  readonly operation: Operation;
  readonly driver: string | undefined;
  readonly closing: AbortSignal;
  /** When the last attempt must have ended, by the runtime's clock. */
  readonly deadline: number;
  /** How long after the first attempt a batch of unknown outcome may still be retried. */
  readonly inDoubtMs: number;
}

/** An answer, and the last OUTCOME_UNKNOWN of an attempt before it, if there was one. */
interface Answered<T> {
  readonly answer: T;
  readonly doubt: AnyStateError | undefined;
}

async function attempt<T>(
  ask: (elapsedMs: number, deadline: number) => Promise<T>,
  mayRepeat: (error: AnyStateError) => boolean,
  rules: Rules,
): Promise<Answered<T>> {
  const started = rules.now();
  let doubt: AnyStateError | undefined;
  for (let attempts = 1; ; attempts++) {
    try {
      return { answer: await ask(rules.now() - started, rules.deadline), doubt };
    } catch (error) {
      if (isStateError(error, "OUTCOME_UNKNOWN")) doubt = error;
      const mayPass = isStateError(error) && mayRepeat(error);
      // After an attempt of unknown outcome, a later refusal does not prove that nothing was written.
      const failure = doubt ?? (mayPass ? error : undefined);
      if (failure === undefined) throw error;
      const pauseMs = jitteredPause(attempts, rules);
      const elapsedMs = rules.now() - started;
      const leftMs = (rules.deadline - started) * LATEST_START;
      const withinMs = doubt ? Math.min(leftMs, rules.inDoubtMs) : leftMs;
      const isOver = attempts >= rules.attempts || elapsedMs + pauseMs > withinMs;
      if (!mayPass || isOver || rules.closing.aborted) throw withRetries(failure, attempts, elapsedMs);
      emitRetry(() => retryEvent(rules, attempts, pauseMs, error));
      await rules.sleep(pauseMs, rules.closing).catch(() => {
        throw withRetries(failure, attempts, rules.now() - started);
      });
    }
  }
}

/** A failed outcome stays unknown if an earlier attempt may have written the commit. */
function keepDoubt(outcome: Outcome, doubt: AnyStateError): Outcome {
  return outcome.is === "failed" ? { is: "failed", error: doubt } : outcome;
}

/** The same error, with the number of attempts. */
function withRetries(failure: AnyStateError, attempts: number, ms: number): StateError {
  if (attempts === 1) return failure;
  const { code, message, retryable } = failure;
  const retries = { attempts, milliseconds: Math.round(ms) };
  return new StateError(code, `${message} (tried ${attempts} times in ${retries.milliseconds} ms)`, {
    details: { ...failure.details, retries },
    cause: failure.cause ?? failure,
    retryable,
  });
}

function retryEvent(rules: Rules, attempts: number, pauseMs: number, error: AnyStateError): RetryEvent {
  const { operation, driver } = rules;
  const reason = isStateError(error, "UNAVAILABLE") ? { reason: error.details.reason } : {};
  return { operation, driver, attempts, pauseMs, code: error.code, ...reason };
}

function mayRepeatApply(commits: readonly Commit[]): (error: AnyStateError) => boolean {
  return (error) =>
    isTransient(error) ||
    (error.code === "OUTCOME_UNKNOWN" &&
      commits.every((commit) => commit.writes.some((write) => write.op === "save")));
}

function readPolicy(policy: RetryPolicy): Required<RetryPolicy> {
  const given = readOptions(policy, Object.keys(DEFAULTS)) as RetryPolicy;
  const read = (field: keyof RetryPolicy, least: number, most: number) =>
    field in given ? readInteger(given[field], field, least, most) : DEFAULTS[field];
  return {
    attempts: read("attempts", 1, MAX_ATTEMPTS),
    baseMs: read("baseMs", 0, MAX_MS),
    mostMs: read("mostMs", 0, MAX_MS),
    withinMs: read("withinMs", 0, MAX_MS),
  };
}
