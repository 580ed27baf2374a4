import assert from "node:assert/strict";
import { createSchedules } from "../../src/schedules/index.js";
import { refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { severalOf, severalStores } from "./several.js";

const TIMES = 20;
const MINUTE_MS = 60_000;
const LEASE_MS = 600_000;
const START = Date.UTC(2026, 0, 1);

/** What schedules promise, as far as it depends on the store. */
export const scheduleCases: readonly ConformanceCase[] = [
  {
    id: "schedules/each-time-once",
    rule: "Workers on several stores that claim one schedule's missed times at once get each time once, and none is left.",
    needs: "durable",
    async run(context) {
      const where = { tenant: context.tenant() };
      const clock = () => START + TIMES * MINUTE_MS;
      const wrappers = await severalOf(context, (store) => createSchedules(store, { clock }));
      const [first] = wrappers;
      const when = { everyMs: MINUTE_MS, startAt: new Date(START + MINUTE_MS) };
      const starter = createSchedules(context.store, { clock: () => START });
      await starter.put(where, { name: "sweep", when, action: "sweep", missed: "all" });
      const claimed: number[] = [];
      await Promise.all(
        wrappers.map(async (schedules, index) => {
          const claim = { worker: `worker-${index}`, leaseMs: LEASE_MS };
          for (
            let next = await schedules.claimDue(where, claim);
            next;
            next = await schedules.claimDue(where, claim)
          ) {
            claimed.push((next.occurrence.at.getTime() - START) / MINUTE_MS);
            await schedules.finish(next.lease, { status: "completed" });
          }
        }),
      );
      const times = Array.from({ length: TIMES }, (_, index) => index + 1);
      assert.deepEqual(
        claimed.sort((a, b) => a - b),
        times,
        "minutes that were claimed",
      );
      const { occurrences } = await first.history(where, "sweep", { status: "completed" });
      assert.equal(occurrences.length, TIMES, "completed occurrences");
    },
  },
  {
    id: "schedules/outlived-worker-is-fenced",
    rule: "A worker whose occurrence another store's worker has taken over cannot finish it: FENCED.",
    needs: "durable",
    async run(context) {
      const where = { tenant: context.tenant() };
      const [here, there] = await severalStores(context);
      const slow = createSchedules(here, { clock: () => START });
      const next = createSchedules(there, { clock: () => START + 2 * LEASE_MS });
      await slow.put(where, { name: "once", when: { at: new Date(START) }, action: "once" });
      const claimed = await slow.claimDue(where, { worker: "slow", leaseMs: LEASE_MS });
      assert.ok(claimed, "the first claim");
      const taken = await next.claimDue(where, { worker: "next", leaseMs: LEASE_MS });
      assert.equal(taken?.occurrence.attempts, 2, "claims of the occurrence");
      await refused("FENCED", "the outlived worker's end", () =>
        slow.finish(claimed.lease, { status: "completed" }),
      );
      await next.finish(taken.lease, { status: "completed" });
      const { occurrences } = await slow.history(where, "once");
      assert.deepEqual(
        occurrences.map(({ status, attempts }) => [status, attempts]),
        [["completed", 2]],
        "the history",
      );
    },
  },
];
