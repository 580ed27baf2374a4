import type { CallLimit } from "../contract/driver.js";
import { StateError } from "../contract/errors.js";
import { monotonicMs, nextTurn, setTimeout } from "./real-timers.js";

/** Work starts within this fraction of a call's time: started later, it might be cut off, and leave an unknown outcome. */
export const LATEST_START = 0.8;

/** How long after its deadline a call is given up, in milliseconds: the driver's own error comes first, and says more. */
const GRACE_MS = 1000;
/** Calls that are given up within the same so many milliseconds share a timer. */
const SHARED_MS = 20;

/** The times of one call, by `monotonicMs`. */
export interface CallTime {
  /** When it entered the store. */
  readonly startedAt: number;
  /** When it stops waiting in the store's queues. */
  readonly waitsUntil: number;
  /** When the driver has to have answered; infinite if the driver states no bound. */
  readonly deadline: number;
  /** Whether less than half of its time is left until the deadline. */
  isHalfOver(): boolean;
  /**
   * The driver answered calls of its tenant at this time: it gets as much as if it had come then, and waits no longer than
   * `queueTimeoutMs` in all.
   */
  moveOn(answeredAt: number): void;
}

/**
 * Makes the deadlines of calls. Each call has one deadline, fixed when it enters the store: every wait, attempt and lock
 * counts against it. It is the driver's `timeoutMs`; if the driver has none, only the wait in the queues is bounded. The
 * deadline of a call that waits behind others of its tenant moves while the driver answers these.
 */
export class CallTimes {
  readonly #queueTimeoutMs: number;
  readonly #waitMs: number;
  readonly #timeoutMs: number;

  constructor(queueTimeoutMs: number, timeoutMs = Number.POSITIVE_INFINITY) {
    this.#queueTimeoutMs = queueTimeoutMs;
    this.#waitMs = Math.min(queueTimeoutMs, timeoutMs * LATEST_START);
    this.#timeoutMs = timeoutMs;
  }

  /** The times of a call that enters the store now, or started at the given time. */
  begin(startedAt = monotonicMs()): CallTime {
    const [waitMs, timeoutMs, mostMs] = [this.#waitMs, this.#timeoutMs, this.#queueTimeoutMs];
    return {
      startedAt,
      waitsUntil: startedAt + waitMs,
      deadline: startedAt + timeoutMs,
      isHalfOver() {
        return this.deadline - monotonicMs() < timeoutMs / 2;
      },
      moveOn(this: Writable<CallTime>, answeredAt) {
        const waitsUntil = Math.min(answeredAt + waitMs, startedAt + mostMs);
        if (waitsUntil <= this.waitsUntil) return;
        this.waitsUntil = waitsUntil;
        this.deadline = waitsUntil + timeoutMs - waitMs;
      },
    };
  }

  /** Whether half of a call's time or more is left: a failure by the deadline is then not due to a late start. */
  hasAmpleTime(deadline: number): boolean {
    return deadline - monotonicMs() >= this.#timeoutMs / 2;
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A deadline as the driver's contract has it. */
export function limitOf(deadline: number): CallLimit {
  return deadline === Number.POSITIVE_INFINITY ? {} : { deadline };
}

/** What is to be done when a shared timer ends, by that time in units of `SHARED_MS`. */
const overdue = new Map<number, Set<() => void>>();

/**
 * Runs `act` when a call has outlasted its deadline, whatever the driver does. Returns a function that cancels this. Nearly
 * every call cancels it, so a timer for each would only be made and thrown away.
 */
export function afterDeadline(time: CallTime, act: () => void): () => void {
  if (time.deadline === Number.POSITIVE_INFINITY) return nothing;
  const end = Math.ceil((time.deadline + GRACE_MS) / SHARED_MS);
  let cancel: () => void;
  const actOrWaitOn = () => {
    // The deadline may have moved meanwhile.
    if (Math.ceil((time.deadline + GRACE_MS) / SHARED_MS) > end) cancel = afterDeadline(time, act);
    else act();
  };
  const acts = overdue.get(end) ?? startTimer(end);
  acts.add(actOrWaitOn);
  cancel = () => acts.delete(actOrWaitOn);
  return () => cancel();
}

function startTimer(end: number): Set<() => void> {
  const acts = new Set<() => void>();
  overdue.set(end, acts);
  const timer = setTimeout(
    () => {
      overdue.delete(end);
      // If the event loop was held up, answers have come meanwhile, and are read first.
      void nextTurn().then(() => {
        for (const act of acts) act();
      });
    },
    Math.max(1, end * SHARED_MS - monotonicMs()),
  );
  timer.unref();
  return acts;
}

function nothing(): void {}

/** Settles as the answer does; rejects with UNAVAILABLE if the call outlasts its deadline. */
export function raceDeadline<T>(time: CallTime, answer: Promise<T>): Promise<T> {
  if (time.deadline === Number.POSITIVE_INFINITY) return answer;
  return new Promise((resolve, reject) => {
    const cancel = afterDeadline(time, () => reject(noAnswerError(time)));
    answer.then(
      (result) => {
        cancel();
        resolve(result);
      },
      (error: unknown) => {
        cancel();
        reject(error);
      },
    );
  });
}

/** UNAVAILABLE, `unreachable`: the driver got the call and did not answer. */
export function noAnswerError({ startedAt }: CallTime): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", `the driver has not answered for ${elapsed(startedAt)} ms`, {
    details: { reason: "unreachable" },
  });
}

/** UNAVAILABLE, `busy`: the call never reached the driver. */
export function waitedTooLongError(
  { startedAt }: CallTime,
  nothing: "nothing was written" | "nothing was read" | "nothing was removed",
  forWhat: string,
): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", `${nothing}: it has waited ${elapsed(startedAt)} ms for ${forWhat}`, {
    details: { reason: "busy" },
  });
}

/** How many reads of a store wait, and how many the driver has not answered. */
export interface ReadDepth {
  readonly waiting: number;
  readonly underWay: number;
}

/** `waitedTooLongError` for a read. */
export function readWaitedTooLongError(
  time: CallTime,
  { waiting, underWay }: ReadDepth,
): StateError<"UNAVAILABLE"> {
  const what = `its turn, with ${waiting} reads waiting and ${underWay} under way`;
  return waitedTooLongError(time, "nothing was read", what);
}

function elapsed(startedAt: number): number {
  return Math.round(monotonicMs() - startedAt);
}
