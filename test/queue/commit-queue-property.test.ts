import fc from "fast-check";
import { expect, test } from "vitest";
import type { Driver, Outcome } from "../../src/contract/driver.js";
import { isStateError } from "../../src/contract/errors.js";
import { raceAbort } from "../../src/timing/cancellation.js";
import { isSoak, soak } from "../soak.js";
import { unavailable } from "../store/store-rig.js";
import { type MakeQueue, queueProperty, realQueue } from "./queue-property.js";

test("whatever the calls and the failures of the driver, the queue keeps its rules", async () => {
  await fc.assert(queueProperty(realQueue), { numRuns: isSoak ? soak(1500) : 400 });
});

/** Queues that break one rule each. */
const BROKEN: Readonly<Record<string, MakeQueue>> = {
  "lets commits of several slots be overtaken": (driver, options) => {
    const queue = realQueue(driver, options);
    return {
      async commit(commit, signal, payloads) {
        if (commit.writes.length > 1) await Promise.resolve();
        return queue.commit(commit, signal, payloads);
      },
    };
  },
  "is two queues": (driver, options) => {
    const queues = [realQueue(driver, options), realQueue(driver, options)] as const;
    let commits = 0;
    return {
      commit: (commit, signal, payloads) =>
        queues[commits++ % 2 === 0 ? 0 : 1].commit(commit, signal, payloads),
    };
  },
  "does not let an erase wait": (driver, options) => {
    const queue = realQueue(driver, options);
    return {
      async commit(commit, signal, payloads) {
        if (commit.writes[0]?.op !== "erase") return queue.commit(commit, signal, payloads);
        payloads?.copy();
        return (await driver.apply([commit], { now: 0, window: 1 }))[0] as Outcome;
      },
    };
  },
  "says of what is in doubt that nothing was written": (driver, options) => {
    const queue = realQueue(driver, options);
    return {
      commit: (commit, signal, payloads) =>
        queue.commit(commit, signal, payloads).catch((error) => {
          throw isStateError(error, "OUTCOME_UNKNOWN") ? unavailable("unreachable") : error;
        }),
    };
  },
  "lets a sent commit be aborted": (driver, options) => {
    const queue = realQueue(driver, options);
    return {
      commit: (commit, signal, payloads) =>
        raceAbort(queue.commit(commit, undefined, payloads), signal as AbortSignal),
    };
  },
  "sends everything once more": (driver, options) => {
    const twice: Driver["apply"] = async (commits, given) => {
      await driver.apply(commits, given);
      return driver.apply(commits, given);
    };
    return realQueue({ apply: twice }, options);
  },
  "lets everybody in": (driver, options) =>
    realQueue(driver, { ...options, room: { commits: 1000, bytes: 1000 } }),
  "counts commits and not their bytes": (driver, options) =>
    realQueue(driver, { ...options, room: { ...options.room, bytes: 1000 } }),
  "loses what comes while it is busy": (driver, options) => {
    const queue = realQueue(driver, options);
    let waiting = 0;
    return {
      async commit(commit, signal, payloads) {
        if (waiting >= 6) return new Promise(() => {});
        waiting++;
        return queue.commit(commit, signal, payloads).finally(() => waiting--);
      },
    };
  },
};

/** The rules by which the property may catch each queue: the first that happens to be broken. */
const CAUGHT_BY: Readonly<Record<string, RegExp>> = {
  "lets commits of several slots be overtaken": /order of making/,
  "is two queues": /share a slot|order of making|room/,
  "does not let an erase wait": /erase|order of making|ended with/,
  "lets everybody in": /more may be let in/,
  "counts commits and not their bytes": /more bytes/,
  "says of what is in doubt that nothing was written": /UNAVAILABLE/,
  "lets a sent commit be aborted": /aborted/,
  "sends everything once more": /sent twice/,
  "loses what comes while it is busy": /without an end/,
};

test.each(Object.entries(BROKEN))("the property catches a queue that %s", async (name, make) => {
  const { errorInstance } = await fc.check(queueProperty(make), {
    seed: 1,
    numRuns: 1500,
    endOnFailure: true,
  });
  expect((errorInstance as Error | undefined)?.message).toMatch(CAUGHT_BY[name] as RegExp);
});
