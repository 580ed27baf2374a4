import { uptime } from "node:os";
import { monotonicMs } from "./real-timers.js";

/** What a clock is made of, all in milliseconds. */
export interface TimeSources {
  /** The time of day, since 1970: whoever sets the machine's clock moves it, either way. */
  readonly wall: () => number;
  /** Never goes back, and may stand still while the machine sleeps. */
  readonly elapsed: () => number;
  /** The same, and goes on while the machine sleeps; asked seldom. */
  readonly uptime: () => number;
}

/** How much faster than time a clock may run that is behind the time of day, and slower one that is ahead. */
const CATCHING_UP = 0.5;
/** A time of day that has been behind for so long is believed. */
const SET_BACK_FOR_GOOD_MS = 60_000;
/** Being behind by less, the machine has not slept. */
const SHORTEST_SLEEP_MS = 1000;

/**
 * A clock for windows and leases: it begins with the time of day and then goes by the time that passes, so that a time of
 * day that is wrong for a moment changes next to nothing. It comes back to the time of day at half the speed of time, in
 * one step where that has been set back for a minute, and by as much as the machine has slept. So from any two readings
 * at least two thirds of the time between them have passed; what is kept for a while is never given up much earlier.
 */
export function steadyClock({ wall, elapsed, uptime }: TimeSources): () => number {
  let shown = finite(wall(), 0);
  let at = elapsed();
  let asleep = uptime() - at;
  let behindSince: number | undefined;
  return () => {
    const now = elapsed();
    const passed = Math.max(now - at, 0);
    at = Math.max(now, at);
    const steady = shown + passed;
    const day = finite(wall(), steady);
    if (day >= steady) behindSince = undefined;
    else behindSince ??= now;
    shown = steady;
    if (day > steady) shown = Math.min(day, steady + passed * CATCHING_UP);
    if (day - shown >= SHORTEST_SLEEP_MS) {
      const slept = uptime() - now - asleep;
      asleep += slept;
      shown = Math.min(day, shown + Math.max(slept, 0));
    }
    if (day < steady) {
      const isForGood = now - (behindSince as number) >= SET_BACK_FOR_GOOD_MS;
      shown = isForGood ? day : Math.max(day, steady - passed * CATCHING_UP);
    }
    return Math.floor(shown);
  };
}

function finite(ms: number, otherwise: number): number {
  return Number.isFinite(ms) ? ms : otherwise;
}

/** Where a runtime does not say, the machine never sleeps. */
function uptimeMs(): number {
  try {
    return uptime() * 1000;
  } catch {
    return monotonicMs();
  }
}

/** The process's own time of day, whatever stands for it later. */
const wallMs: () => number = Date.now.bind(Date);

/** A steady clock that goes by another time of day. */
export function steadyClockOver(wall: () => number, elapsed: () => number = monotonicMs): () => number {
  return steadyClock({ wall, elapsed, uptime: elapsed === monotonicMs ? uptimeMs : elapsed });
}

/** The steady clock of this process, milliseconds since 1970. */
export const steadyNow: () => number = steadyClockOver(wallMs);
