import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import { steadyNow } from "../timing/clock.js";

/** Milliseconds since 1970. */
export type Clock = () => number;

/** Reads the `clock` option; default is the process's steady clock. The result is checked and cut to whole milliseconds. */
export function readClock(options: { readonly clock?: Clock }): Clock {
  const { clock } = "clock" in options ? options : { clock: steadyNow };
  if (typeof clock !== "function") throw invalid("clock", "a function");
  return () => {
    const time = clock();
    if (typeof time === "number" && time >= LIMITS.earliest && time <= LIMITS.latest) return Math.trunc(time);
    throw invalid("clock", "a function that returns milliseconds since 1970, in the years 1 to 9999");
  };
}

/** ISO 8601 in UTC with milliseconds. In the years 0 to 9999 the order of the bytes is the order of the times. */
export function timeKey(time: number): string {
  return new Date(time).toISOString();
}
