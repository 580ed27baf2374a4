import type { ScheduleState } from "./stored-schedule.js";
import { timeAfter, timesUpTo } from "./when.js";

/** The time of an occurrence that is to be made. */
export interface TakenTime {
  readonly at: number;
  readonly missedSince?: number;
}

/** What a claim makes of a schedule: the occurrence, unless all times were skipped, and the time of the next. */
export interface Taken {
  readonly time: TakenTime | undefined;
  readonly nextAt: number | undefined;
  /** Up to here the missed times were counted, and are no more than are made up for. */
  readonly countedTo?: number;
}

/** Takes the first time of a schedule that is due. Each time is taken once, whatever the clock does: times only go on. */
export function takeNext(state: ScheduleState & { readonly nextAt: number }, now: number): Taken {
  const { when, missed, graceMs, nextAt } = state;
  const horizon = now - graceMs;
  if (nextAt >= horizon) return { time: { at: nextAt }, nextAt: timeAfter(when, nextAt) };
  if (missed === "skip") return takeFirstFrom(state, horizon, now);
  return missed === "once" ? takeLastBefore(state, horizon) : takeEach(state, horizon);
}

function takeFirstFrom({ when }: ScheduleState, horizon: number, now: number): Taken {
  const first = timeAfter(when, horizon - 1);
  if (first === undefined || first > now) return { time: undefined, nextAt: first };
  return { time: { at: first }, nextAt: timeAfter(when, first) };
}

function takeLastBefore(
  { when, nextAt }: ScheduleState & { readonly nextAt: number },
  horizon: number,
): Taken {
  const [last = nextAt] = timesUpTo(when, horizon - 1, 1);
  return taken(Math.max(last, nextAt), nextAt, timeAfter(when, Math.max(last, nextAt)));
}

/** Missed times are counted when the first of them is taken, and not again for each. */
function takeEach(
  { when, nextAt, maxMissed, countedTo }: ScheduleState & { readonly nextAt: number },
  horizon: number,
): Taken {
  if (countedTo !== undefined && nextAt <= countedTo)
    return { ...taken(nextAt, nextAt, timeAfter(when, nextAt)), countedTo };
  const oldest = timesUpTo(when, horizon - 1, maxMissed).at(-1) ?? nextAt;
  const at = Math.max(oldest, nextAt);
  return { ...taken(at, nextAt, timeAfter(when, at)), countedTo: horizon - 1 };
}

function taken(at: number, since: number, nextAt: number | undefined): Taken {
  return { time: { at, ...(at > since && { missedSince: since }) }, nextAt };
}
