import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { assertDuplicate, assertRecord, assertWritten } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { begin } from "../harness/child-processes.js";
import { type Acknowledged, increment, numberedPair } from "../harness/child-tasks.js";
import {
  assertErasedWhole,
  assertNothingSlippedPast,
  assertReplacedOnce,
  assertUntorn,
} from "../harness/pair-history.js";

export const processCases: readonly ConformanceCase[] = [
  {
    id: "processes/kill",
    rule: "When a process is killed while it writes, nothing that was acknowledged is lost and no commit is torn.",
    needs: "processes",
    async run({ open, identity, spawn }) {
      for (const acknowledged of [1, 40, 150]) {
        const owner = identity();
        const writer = spawn("saveOn", { identity: owner });
        await begin(writer);
        await writer.hasSaid(acknowledged);
        await writer.kill();
        const store = await open();
        for (const { number, eventIds } of writer.said as readonly Acknowledged[]) {
          const pair = numberedPair(owner, number, eventIds);
          for (const each of pair)
            assertRecord(await store.find(owner, each.kind), each, "an acknowledged record");
          const retry = await store.commit(pair.map((record) => ({ op: "save", record })));
          assertDuplicate(retry, "a retry of an acknowledged commit");
        }
        const halves = (await store.list(owner, "")).map(({ kind }) => kind.split("/") as [string, string]);
        const [left, right] = ["left", "right"].map((side) =>
          halves.filter(([half]) => half === side).map(([, n]) => n),
        );
        assert.deepEqual(left, right, "every commit must be there whole or not at all");
        await store.close();
      }
    },
  },
  {
    id: "processes/retry-elsewhere",
    rule: "A retry is recognised in another process, also when it comes late.",
    needs: "sharing",
    async run({ store, identity, record, spawn }) {
      const old = record(identity(), "kind");
      const [early, late] = [spawn("saveOnce", { record: old }), spawn("saveOnce", { record: old })];
      await begin(early);
      assert.equal(await early.result, false, "a new write in another process");
      assertDuplicate(await store.save(old), "a retry in this process");
      const current = record(old.identity, "kind");
      assertWritten(await store.save(current), "a newer event");
      await begin(late);
      assert.equal(await late.result, true, "a late retry in another process");
      assertRecord(await store.load(old.identity, "kind"), current, "the current record");
    },
  },
  {
    id: "processes/compare-and-swap",
    rule: "Increments by compare-and-swap come out exact when several processes count in one slot.",
    needs: "sharing",
    async run({ store, identity, spawn }) {
      const task = { identity: identity(), kind: "count", times: 40 };
      const counters = [1, 2, 3].map(() => spawn("increment", task));
      await begin(...counters);
      await Promise.all([increment(store, task), ...counters.map(({ result }) => result)]);
      const count = new TextDecoder().decode((await store.load(task.identity, "count")).bytes);
      assert.equal(count, "160", "four processes that each counted to 40");
    },
  },
  {
    id: "processes/erase-beside-commits",
    rule: "An erase in one process tears no commit of another: it takes both records of a pair or neither.",
    needs: "sharing",
    async run({ store, identity, record, spawn }) {
      const owner = identity();
      const pairs = { identity: owner, kinds: ["left", "right"], times: 150 };
      const over = record(identity(), "over");
      const eraser = spawn("eraseOn", { session: owner, over });
      const writers = [1, 2].map(() => spawn("savePairs", pairs));
      await begin(eraser, ...writers);
      let busy = true;
      const looking = async () => {
        while (busy) {
          assertUntorn(await store.list(owner, ""));
          await turn();
        }
      };
      const writing = Promise.all(writers.map(({ result }) => result)).finally(() => {
        busy = false;
      });
      await Promise.all([writing, looking()]);
      await store.save(over);
      assertErasedWhole(await eraser.result);
      assertUntorn(await store.list(owner, ""));
    },
  },
  {
    id: "processes/conditions-hold",
    rule: "A condition holds against unconditional writers in another process.",
    needs: "sharing",
    async run({ store, identity, record, spawn }) {
      const over = record(identity(), "over");
      const task = { identity: identity(), kind: "kind", times: 150, over };
      const overwriter = spawn("overwrite", task);
      const swappers = [1, 2].map(() => spawn("swap", task));
      await begin(overwriter, ...swappers);
      const saves = await overwriter.result;
      await store.save(over);
      const swaps = (await Promise.all(swappers.map(({ result }) => result))).flat();
      assert.ok(swaps.length > 0, "no conditional save went through at all");
      assertReplacedOnce(swaps);
      assertNothingSlippedPast(saves, swaps);
    },
  },
];
