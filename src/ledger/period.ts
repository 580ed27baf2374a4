import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import { readDate } from "../validation/validate.js";
import { type DayRange, dayOf } from "./cells.js";

/** A period. An absent bound means that the period has no end on that side. */
export interface Period {
  /** The first moment of the period. */
  readonly since?: Date;
  /** The first moment after the period. */
  readonly until?: Date;
}

/** The same, checked, in milliseconds since 1970. */
export interface PeriodMs {
  readonly since?: number;
  readonly until?: number;
}

/** A part of one day. */
export type PartialDay = Required<PeriodMs>;

const DAY_MS = 86_400_000;
/** 9999-12-31T00:00:00.000Z */
const LAST_DAY = Math.floor(LIMITS.latest / DAY_MS) * DAY_MS;

/** Refuses a bound that is present but undefined: the period would be longer than the caller meant. */
export function readPeriod(period: Period): PeriodMs {
  const span: PeriodMs = {
    ...("since" in period ? { since: readDate(period.since, "since") } : {}),
    ...("until" in period ? { until: readDate(period.until, "until") } : {}),
  };
  if (span.since !== undefined && span.until !== undefined && span.since >= span.until) {
    throw invalid("until", "later than since");
  }
  return span;
}

/** Splits a period into its whole days (UTC), if any, and the parts of the days before and after them. */
export function splitDays({ since, until }: PeriodMs): {
  readonly days: DayRange | undefined;
  readonly partialDays: PartialDay[];
} {
  // The last day of the year 9999 has no next day.
  if (since !== undefined && since > LAST_DAY) {
    return { days: undefined, partialDays: [{ since, until: until ?? LIMITS.latest + 1 }] };
  }
  const firstDay = since === undefined ? undefined : Math.ceil(since / DAY_MS) * DAY_MS;
  const end = until === undefined ? undefined : Math.floor(until / DAY_MS) * DAY_MS;
  if (firstDay !== undefined && end !== undefined && firstDay > end) {
    return { days: undefined, partialDays: [{ since, until } as PartialDay] };
  }
  const partialDays: PartialDay[] = [];
  if (since !== undefined && since !== firstDay) partialDays.push({ since, until: firstDay as number });
  if (until !== undefined && until !== end) partialDays.push({ since: end as number, until });
  if (firstDay !== undefined && firstDay === end) return { days: undefined, partialDays: partialDays };
  const days = {
    ...(firstDay === undefined ? {} : { first: dayOf(firstDay) }),
    ...(end === undefined ? {} : { last: dayOf(end - DAY_MS) }),
  };
  return { days, partialDays: partialDays };
}
