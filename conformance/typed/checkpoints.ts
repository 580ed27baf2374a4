import assert from "node:assert/strict";
import { type Checkpoints, createCheckpoints } from "../../src/checkpoints/index.js";
import { refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { severalOf } from "./several.js";

const PLACE = { lineage: "thread" };
const PUTS_EACH = 6;
const PUTS_BESIDE = 20;

/** What checkpoints promise, as far as it depends on the store. */
export const checkpointCases: readonly ConformanceCase[] = [
  {
    id: "checkpoints/put-once",
    rule: "A checkpoint that is put again under its id, after others were put, is a duplicate; other content is IDEMPOTENCY_CONFLICT.",
    async run({ store, identity }) {
      const checkpoints = createCheckpoints(store);
      const owner = identity();
      const first = { ...PLACE, id: "c-1", values: { plan: "look" } };
      assert.equal((await checkpoints.put(owner, first)).duplicate, false, "the first put");
      await checkpoints.put(owner, { ...PLACE, id: "c-2", parent: "c-1", values: { plan: "answer" } });
      assert.equal((await checkpoints.put(owner, first)).duplicate, true, "the same put again");
      await refused("IDEMPOTENCY_CONFLICT", "other content", () =>
        checkpoints.put(owner, { ...first, values: { plan: "other" } }),
      );
      const { checkpoints: listed } = await checkpoints.list(owner, PLACE);
      assert.deepEqual(
        listed.map(({ id }) => id),
        ["c-2", "c-1"],
        "checkpoints",
      );
    },
  },
  {
    id: "checkpoints/latest-of-all",
    rule: "Checkpoints that several stores put to one lineage at once are all there, each with its values, and every store reads the same last one.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const wrappers = await severalOf(context, createCheckpoints);
      await Promise.all(
        wrappers.map(async (checkpoints, writer) => {
          for (let turn = 0; turn < PUTS_EACH; turn++)
            await checkpoints.put(owner, { ...PLACE, id: `${writer}-${turn}`, values: { writer, turn } });
        }),
      );
      const latest = await Promise.all(wrappers.map((checkpoints) => checkpoints.latest(owner, PLACE)));
      assert.equal(new Set(latest.map((each) => each?.id)).size, 1, "last checkpoints");
      const { checkpoints: listed } = await createCheckpoints(context.store).list(owner, PLACE);
      assert.equal(listed.length, wrappers.length * PUTS_EACH, "checkpoints that are listed");
      for (const writer of wrappers.keys())
        for (let turn = 0; turn < PUTS_EACH; turn++) {
          const found = await wrappers[0]?.find(owner, { ...PLACE, id: `${writer}-${turn}` });
          assert.deepEqual(found?.values, { writer, turn }, "values");
        }
    },
  },
  {
    id: "checkpoints/prune-beside-puts",
    rule: "Prunes beside puts of another store remove neither the last checkpoint nor a value that it uses, though the value had been out of use.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const [putting, ...pruning] = await severalOf(context, createCheckpoints);
      let isDone = false;
      const puts = async () => {
        for (let step = 1; step <= PUTS_BESIDE; step++) {
          const values = { step, comesBack: step % 3 };
          await putting.put(owner, { ...PLACE, id: `c-${step}`, values });
          const found = await putting.find(owner, { ...PLACE, id: `c-${step}` });
          assert.deepEqual(found?.values, values, "values of the last checkpoint");
        }
      };
      const prunes = async (checkpoints: Checkpoints) => {
        while (!isDone) await checkpoints.prune(owner, PLACE, { keep: 1 });
      };
      const putAll = puts().finally(() => {
        isDone = true;
      });
      await Promise.all([putAll, ...pruning.map(prunes)]);
      await putting.prune(owner, PLACE, { keep: 1 });
      const { checkpoints: left } = await putting.list(owner, PLACE);
      assert.deepEqual(
        left.map(({ id }) => id),
        [`c-${PUTS_BESIDE}`],
        "checkpoints that are left",
      );
      assert.equal(await context.store.count(owner, "checkpoint.value/"), 2, "values that are left");
    },
  },
  {
    id: "checkpoints/delete-leaves-nothing",
    rule: "A deleted lineage is gone with all that belongs to it, and a lineage whose name begins alike is whole.",
    async run({ store, identity }) {
      const checkpoints = createCheckpoints(store);
      const owner = identity();
      for (const lineage of ["thread", "thread-2"]) {
        await checkpoints.put(owner, { lineage, id: "c-1", values: { of: lineage } });
        const writes = [{ channel: "x", value: lineage }];
        await checkpoints.putWrites(owner, { lineage, id: "c-1", task: "t", writes });
      }
      const before = await store.count(owner, "checkpoint.");
      assert.equal(await checkpoints.deleteLineage(owner, "thread"), true, "there was a lineage");
      assert.equal(await checkpoints.latest(owner, PLACE), undefined, "the deleted lineage");
      const kept = await checkpoints.tuple(owner, { lineage: "thread-2" });
      assert.deepEqual(kept?.checkpoint.values, { of: "thread-2" }, "values of the neighbour");
      assert.deepEqual(
        kept?.writes.map(({ value }) => value),
        ["thread-2"],
        "writes of the neighbour",
      );
      assert.equal(await store.count(owner, "checkpoint."), before / 2, "records left");
    },
  },
];
