import { setImmediate as turn } from "node:timers/promises";
import type { ApplyOptions, Commit, Outcome } from "../../src/contract/driver.js";
import { CommitQueue, type QueueOptions } from "../../src/queue/commit-queue.js";
import { CallTimes } from "../../src/timing/call-time.js";
import { deferred } from "../store/store-rig.js";

/** The outcome of a commit of so many writes into empty slots. */
export function applied(writes: number): Outcome {
  return { is: "applied", existed: Array.from({ length: writes }, () => false) };
}

export const APPLIED = applied(1);

/** The outcome of this commit, with so many records for each erase. */
export function appliedTo({ writes }: Commit, records = 0): Outcome {
  const erased = writes.filter(({ op }) => op === "erase").map(() => records);
  return erased.length === 0 ? applied(writes.length) : ({ ...applied(writes.length), erased } as Outcome);
}

/** A batch at the driver, which the test answers. */
export interface Batch {
  readonly commits: readonly Commit[];
  readonly options: ApplyOptions;
  /** The event ids of its saves, in order. */
  readonly ids: readonly string[];
  answer(outcomes?: readonly Outcome[]): Promise<void>;
  fail(error: unknown): Promise<void>;
}

/** The options of a queue, without its scheduler. */
export const QUEUE = {
  inFlight: 1,
  window: 1000,
  now: () => 7,
  room: { bytes: 2 ** 30, commits: 1_000_000 },
  times: new CallTimes(600_000),
} as const;

/** A queue whose scheduler runs and whose driver answers when the test says so. */
export function queueRig(options: Partial<QueueOptions> = {}) {
  const batches: Batch[] = [];
  const pumps: (() => void)[] = [];
  const queue = new CommitQueue(
    {
      apply(commits, options) {
        const { promise, resolve, reject } = deferred<readonly Outcome[]>();
        batches.push({
          commits,
          options,
          ids: commits.flatMap(idsOf),
          answer: (outcomes = commits.map((commit) => appliedTo(commit))) => then(() => resolve(outcomes)),
          fail: (error) => then(() => reject(error)),
        });
        return promise;
      },
    },
    { ...QUEUE, schedule: (pump) => pumps.push(pump), ...options },
  );
  /** Runs what the queue scheduled, until it schedules nothing more. */
  const pump = async () => {
    while (pumps.length > 0) {
      pumps.shift()?.();
      await turn();
    }
  };
  /** Answers, and runs everything that follows from it, pumps included. */
  const then = async (act: () => void) => {
    act();
    await turn();
    await pump();
  };
  return { queue, batches, pumps, pump };
}

export function idsOf(commit: Commit): string[] {
  return commit.writes.flatMap((write) => (write.op === "save" ? [write.record.eventId] : []));
}
