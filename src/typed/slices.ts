import { monotonicMs, setImmediate } from "../real-timers.js";

const SLICE_MS = 8;

let line: Promise<unknown> = Promise.resolve();
let endsAt = 0;

/**
 * Runs work that takes the processor, one after the other: where many large values are read at once, whatever else
 * waits for the event loop has its turn every few milliseconds.
 */
export function inSlices<R>(work: () => R | Promise<R>): Promise<R> {
  const done = line.then(async () => {
    if (monotonicMs() >= endsAt) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      endsAt = monotonicMs() + SLICE_MS;
    }
    return work();
  });
  line = done.catch(() => undefined);
  return done;
}
