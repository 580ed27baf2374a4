import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { median } from "./statistics.js";

export interface Stalls {
  /** Of the longest of each run, in milliseconds. */
  readonly medianMs: number;
  readonly worstMs: number;
  /** Of one run, median. */
  readonly seconds: number;
}

/** What is between two looks at the event loop, and so in each of them. */
const RESOLUTION_MS = 1;
const SETTLE_MS = 20;

/** How long `work` keeps the event loop from all others at a time, when it is done so many times. */
export async function longestStalls(times: number, work: () => Promise<unknown>): Promise<Stalls> {
  const longest: number[] = [];
  const seconds: number[] = [];
  for (let round = 0; round < times; round++) {
    await sleep(SETTLE_MS);
    const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    delay.enable();
    await sleep(SETTLE_MS);
    delay.reset();
    const started = performance.now();
    await work();
    seconds.push((performance.now() - started) / 1_000);
    // What went on until the work ended is seen at the next look.
    await sleep(SETTLE_MS);
    delay.disable();
    longest.push(Math.max(0, delay.max / 1e6 - RESOLUTION_MS));
  }
  return { medianMs: median(longest), worstMs: Math.max(...longest), seconds: median(seconds) };
}
