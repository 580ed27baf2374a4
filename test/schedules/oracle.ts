/** A cron expression as the tests write it: what each field may be. */
export interface Fields {
  readonly minute: string;
  readonly hour: string;
  readonly day: string;
  readonly month: string;
  readonly weekday: string;
}

const MINUTE = 60_000;
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * The times of an expression between two moments, both included, found by walking every minute and asking `Intl` what the
 * clock on the wall shows. It shares nothing with the parser.
 *
 * A clock that jumps forward skips minutes: those of named times come at the first minute after. A clock that is set back
 * shows minutes twice: named times count the first time. Where the minute or the hour is a `*` or has a step, each minute
 * that passes counts for itself.
 */
export function walkedTimes(fields: Fields, timeZone: string, from: number, to: number): number[] {
  const isNamed = !/[*/]/.test(fields.minute + fields.hour);
  const found: number[] = [];
  const shown = new Map<string, number>();
  // From before the bounds: the first minute may be one that is shown the second time.
  const start = Math.floor(from / MINUTE) * MINUTE - 180 * MINUTE;
  let before: Wall | undefined;
  for (let time = start; time <= to; time += MINUTE) {
    const wall = wallAt(time, timeZone);
    const skipped = before === undefined ? [] : skippedBetween(before, wall);
    const isFirst = !shown.has(wall.label);
    shown.set(wall.label, time);
    const isMet =
      (matches(fields, wall) && (isFirst || !isNamed)) ||
      (isNamed && isFirst && skipped.some((one) => matches(fields, one)));
    if (isMet && time >= from) found.push(time);
    before = wall;
  }
  return found;
}

export const textOf = ({ minute, hour, day, month, weekday }: Fields) =>
  `${minute} ${hour} ${day} ${month} ${weekday}`;

interface Wall {
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly weekday: number;
  readonly label: string;
  /** As if the wall's clock were UTC. */
  readonly asUtc: number;
}

function wallAt(time: number, timeZone: string): Wall {
  const format = formats.get(timeZone) ?? newFormat(timeZone);
  formats.set(timeZone, format);
  const parts = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]));
  const number = (type: string) => Number(parts[type]);
  const asUtc = Date.UTC(
    number("year"),
    number("month") - 1,
    number("day"),
    number("hour"),
    number("minute"),
  );
  return {
    minute: number("minute"),
    hour: number("hour"),
    day: number("day"),
    month: number("month"),
    weekday: WEEKDAYS.indexOf(parts.weekday as string),
    label: new Date(asUtc).toISOString(),
    asUtc,
  };
}

function newFormat(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    weekday: "short",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
}

/** The minutes that no clock on the wall shows between two that follow each other. */
function skippedBetween(before: Wall, after: Wall): Wall[] {
  const skipped: Wall[] = [];
  for (let asUtc = before.asUtc + MINUTE; asUtc < after.asUtc; asUtc += MINUTE) {
    const date = new Date(asUtc);
    skipped.push({
      minute: date.getUTCMinutes(),
      hour: date.getUTCHours(),
      day: date.getUTCDate(),
      month: date.getUTCMonth() + 1,
      weekday: date.getUTCDay(),
      label: date.toISOString(),
      asUtc,
    });
  }
  return skipped;
}

function matches({ minute, hour, day, month, weekday }: Fields, wall: Wall): boolean {
  if (!fits(minute, wall.minute, 0, 59) || !fits(hour, wall.hour, 0, 23)) return false;
  if (!fits(month, wall.month, 1, 12)) return false;
  const [isDay, isWeekday] = [fits(day, wall.day, 1, 31), fits(weekday, wall.weekday, 0, 6)];
  // Where both are restricted, either counts.
  return day !== "*" && weekday !== "*" ? isDay || isWeekday : isDay && isWeekday;
}

function fits(field: string, value: number, least: number, most: number): boolean {
  return field.split(",").some((part) => {
    const [range = "", step = "1"] = part.split("/");
    const [low, high = range] = range === "*" ? [least, most] : range.split("-");
    return value >= Number(low) && value <= Number(high) && (value - Number(low)) % Number(step) === 0;
  });
}
