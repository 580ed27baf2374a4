import { monotonicMs, setImmediate } from "./real-timers.js";

/** How long a slice may block the event loop, in milliseconds. */
const SLICE_MS = 4;

/** A computation in steps: it does one step up to each `yield`, and returns the result. */
export type Steps<T> = Generator<void, T>;

interface Job {
  /** Takes one step; true if it was the last. */
  step(): boolean;
}

/** The jobs of the whole process, since all stores share one event loop. */
const jobs: Job[] = [];
let isScheduled = false;

/** Runs a long computation in slices, one per turn of the event loop, so that it does not block it. Jobs alternate. */
export function inSlices<T>(steps: Steps<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    jobs.push({
      step() {
        try {
          const { done, value } = steps.next();
          if (done) resolve(value);
          return done === true;
        } catch (error) {
          reject(error);
          return true;
        }
      },
    });
    schedule();
  });
}

/** Runs all steps synchronously. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

function schedule(): void {
  if (isScheduled || jobs.length === 0) return;
  isScheduled = true;
  setImmediate(() => {
    isScheduled = false;
    const until = monotonicMs() + SLICE_MS;
    while (jobs.length > 0 && monotonicMs() < until) {
      const job = jobs.shift() as Job;
      if (!job.step()) jobs.push(job);
    }
    schedule();
  });
}
