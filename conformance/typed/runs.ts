import assert from "node:assert/strict";
import { createRuns } from "../../src/runs/index.js";
import { refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { assertOneWinner, severalOf, severalStores } from "./several.js";

const RUNS = 20;
const LEASE_MS = 600_000;

/** What runs promise, as far as it depends on the store. */
export const runCases: readonly ConformanceCase[] = [
  {
    id: "runs/claimed-by-one",
    rule: "Of workers on several stores that claim one run at once, one gets it, and the others are told LEASE_HELD.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const wrappers = await severalOf(context, createRuns);
      const [first] = wrappers;
      for (let index = 0; index < RUNS; index++) {
        const { run } = await first.start(owner, { id: `run-${index}` });
        const outcomes = await Promise.allSettled(
          wrappers.map((runs, at) =>
            runs.claim(owner, run.id, { worker: `worker-${at}`, leaseMs: LEASE_MS }),
          ),
        );
        assertOneWinner(outcomes, "LEASE_HELD", "claims");
      }
    },
  },
  {
    id: "runs/queue-is-emptied",
    rule: "Workers on several stores that empty one queue at once get each run once, and leave none behind.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const wrappers = await severalOf(context, createRuns);
      const [first] = wrappers;
      for (let index = 0; index < RUNS; index++) await first.start(owner, { id: `run-${index}` });
      const claimed: string[] = [];
      const where = { tenant: owner.tenant };
      await Promise.all(
        wrappers.map(async (runs, index) => {
          const claim = { worker: `worker-${index}`, leaseMs: LEASE_MS };
          for (
            let next = await runs.claimNext(where, claim);
            next;
            next = await runs.claimNext(where, claim)
          ) {
            claimed.push(next.run.id);
            await runs.complete(next.lease);
          }
        }),
      );
      const ids = Array.from({ length: RUNS }, (_, index) => `run-${index}`);
      assert.deepEqual(claimed.sort(), ids.sort(), "runs that were claimed");
      const { runs } = await first.list(where, { status: "completed" });
      assert.equal(runs.length, RUNS, "completed runs");
    },
  },
  {
    id: "runs/outlived-worker-is-fenced",
    rule: "A worker whose run another store's worker has taken over can neither keep a step nor complete the run: FENCED.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const [here, there] = await severalStores(context);
      const slow = createRuns(here);
      // As if the lease had passed.
      const next = createRuns(there, { clock: () => Date.now() + 2 * LEASE_MS });
      await slow.start(owner, { id: "run" });
      const { lease } = await slow.claim(owner, "run", { worker: "slow", leaseMs: LEASE_MS });
      await slow.step(lease, "first", async () => "kept");
      const taken = await next.claim(owner, "run", { worker: "next", leaseMs: LEASE_MS });
      await refused("FENCED", "a step of the outlived worker", () =>
        slow.step(lease, "second", async () => "too late"),
      );
      await refused("FENCED", "the outlived worker's completion", () => slow.complete(lease));
      let ran = false;
      const kept = await next.step(taken.lease, "first", async () => {
        ran = true;
        return "again";
      });
      assert.deepEqual([kept, ran], ["kept", false], "the step that was kept");
      assert.equal((await next.complete(taken.lease)).status, "completed", "the run's status");
    },
  },
];
