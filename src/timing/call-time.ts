import type { CallLimit } from "../contract/driver.js";
import { StateError } from "../contract/errors.js";
import { clearTimeout, monotonicMs, setTimeout } from "./real-timers.js";

/** Of the time that there is, when work may begin at the latest: what could only be cut short would leave a doubt. */
export const LATEST_START = 0.8;

/** By how much a call may outlast its deadline, in milliseconds: a driver is to say what it met, and may be late by that. */
const GRACE_MS = 1000;

/** The times of one call, by `monotonicMs`. */
export interface CallTime {
  /** When it entered the store. */
  readonly startedAt: number;
  /** Until when it may wait for room and for its turn. */
  readonly waitsUntil: number;
  /** When its driver is to have answered, the wait included; infinite where the driver states no bound. */
  readonly deadline: number;
}

/**
 * How long the calls of a store may take: one deadline for each, fixed when it enters the store, of which every wait, try
 * and lock takes its part. It is the driver's `timeoutMs`; without one a driver is waited for as long as it takes, and
 * only the wait for room and for a turn has a bound.
 */
export class CallTimes {
  readonly #waitMs: number;
  readonly #timeoutMs: number;

  constructor(queueTimeoutMs: number, timeoutMs = Number.POSITIVE_INFINITY) {
    this.#waitMs = Math.min(queueTimeoutMs, timeoutMs * LATEST_START);
    this.#timeoutMs = timeoutMs;
  }

  /** Those of a call that enters now; or of one that goes on, since it last got on. */
  begin(startedAt = monotonicMs()): CallTime {
    return {
      startedAt,
      waitsUntil: startedAt + this.#waitMs,
      deadline: startedAt + this.#timeoutMs,
    };
  }

  /** Whether there is so much time left that what fails by then has had its chance. */
  hasAmpleTime(deadline: number): boolean {
    return deadline - monotonicMs() >= this.#timeoutMs / 2;
  }
}

/** What a driver is told of a deadline. */
export function limitOf(deadline: number): CallLimit {
  return deadline === Number.POSITIVE_INFINITY ? {} : { deadline };
}

/** Acts when a call is over, whatever its driver does; the function it gives back calls that off. */
export function afterDeadline({ deadline }: CallTime, act: () => void): () => void {
  if (deadline === Number.POSITIVE_INFINITY) return () => {};
  const timer = setTimeout(act, Math.max(1, Math.ceil(deadline + GRACE_MS - monotonicMs())));
  timer.unref();
  return () => clearTimeout(timer);
}

/** The answer, or UNAVAILABLE when the call is over before. */
export function raceDeadline<T>(time: CallTime, answer: Promise<T>): Promise<T> {
  if (time.deadline === Number.POSITIVE_INFINITY) return answer;
  return new Promise((resolve, reject) => {
    const callOff = afterDeadline(time, () => reject(noAnswerError(time)));
    answer.then(resolve, reject).finally(callOff);
  });
}

/** UNAVAILABLE: the driver had the call, and kept it. */
export function noAnswerError({ startedAt }: CallTime): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", `the driver has not answered for ${elapsed(startedAt)} ms`, {
    details: { reason: "unreachable" },
  });
}

/** UNAVAILABLE, `busy`: a call that never came to the driver. */
export function waitedTooLongError(
  { startedAt }: CallTime,
  nothing: "nothing was written" | "nothing was read" | "nothing was removed",
  forWhat: string,
): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", `${nothing}: it has waited ${elapsed(startedAt)} ms for ${forWhat}`, {
    details: { reason: "busy" },
  });
}

/** Of the reads of one store. */
export interface ReadDepth {
  readonly waiting: number;
  readonly underWay: number;
}

/** The same, of a read. */
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
