import { monotonicMs, setImmediate } from "./real-timers.js";

/** How long such work may keep the event loop to itself, in milliseconds. */
const SLICE_MS = 4;

/** Does a piece of work up to each `yield`, and says what came of it. */
export type Steps<T> = Generator<void, T>;

interface Job {
  /** Takes one step; whether it was the last. */
  step(): boolean;
}

/** All of the process: what two stores have to do holds up the same event loop. */
const jobs: Job[] = [];
let isScheduled = false;

/** Carries out what would hold up the event loop if it was done at once, a slice in each turn; jobs take turns. */
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

/** Carries it out at once. */
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
