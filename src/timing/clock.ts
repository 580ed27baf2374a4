import { uptime } from "node:os";
import { monotonicMs } from "./real-timers.js";

/** The clocks behind a steady clock, all in milliseconds. */
export interface TimeSources {
  /** The time of day, since 1970. It jumps, either way, when the machine's clock is set. */
  readonly wall: () => number;
  /** Monotonic; may stand still while the machine sleeps. */
  readonly elapsed: () => number;
  /** Monotonic, and goes on while the machine sleeps; read seldom. */
  readonly uptime: () => number;
}

/** How much faster (or slower) than real time the clock runs while it is behind (or ahead of) the time of day. */
const CATCH_UP_RATE = 0.5;
/** A time of day that has been behind the clock for so long is taken over. */
const TRUST_SET_BACK_AFTER_MS = 60_000;
/** If the clock is behind by less than this, the machine cannot have slept. */
const MIN_SLEEP_MS = 1000;

/**
 * A clock for idempotency windows and leases. It starts at the time of day and then follows a monotonic clock, so that a
 * time of day that is wrong for a moment changes next to nothing.
 *
 * It approaches the time of day at half the speed of time. It jumps only if the machine has slept, by as much as that, or
 * if the time of day has been set back for a minute. So an interval of this clock stands for at least two thirds as much
 * real time: no window or lease ends much too early.
 */
export function steadyClock({ wall, elapsed, uptime }: TimeSources): () => number {
  let current = finite(wall(), 0);
  let lastElapsed = elapsed();
  let totalSleep = uptime() - lastElapsed;
  let behindSince: number | undefined;
  return () => {
    const now = elapsed();
    const passed = Math.max(now - lastElapsed, 0);
    lastElapsed = Math.max(now, lastElapsed);
    const steady = current + passed;
    const wallTime = finite(wall(), steady);
    if (wallTime >= steady) behindSince = undefined;
    else behindSince ??= now;
    current = steady;
    if (wallTime > steady) current = Math.min(wallTime, steady + passed * CATCH_UP_RATE);
    if (wallTime - current >= MIN_SLEEP_MS) {
      const slept = uptime() - now - totalSleep;
      totalSleep += slept;
      current = Math.min(wallTime, current + Math.max(slept, 0));
    }
    if (wallTime < steady) {
      const isForGood = now - (behindSince as number) >= TRUST_SET_BACK_AFTER_MS;
      current = isForGood ? wallTime : Math.max(wallTime, steady - passed * CATCH_UP_RATE);
    }
    return Math.floor(current);
  };
}

function finite(ms: number, otherwise: number): number {
  return Number.isFinite(ms) ? ms : otherwise;
}

/** A runtime without `uptime` counts as a machine that never sleeps. */
function uptimeMs(): number {
  try {
    return uptime() * 1000;
  } catch {
    return monotonicMs();
  }
}

/** The process's own time of day; bound now, before a test may replace it. */
const wallMs: () => number = Date.now.bind(Date);

/** A steady clock over a given time of day. */
export function steadyClockOver(wall: () => number, elapsed: () => number = monotonicMs): () => number {
  return steadyClock({ wall, elapsed, uptime: elapsed === monotonicMs ? uptimeMs : elapsed });
}

/** The steady clock of this process, milliseconds since 1970. */
export const steadyNow: () => number = steadyClockOver(wallMs);
