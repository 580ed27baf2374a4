import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import type { StateStore, StoreStatus } from "../../src/index.js";
import type { ConformanceCase } from "../harness/case.js";

const IDLE: StoreStatus = {
  writes: { waiting: { commits: 0, bytes: 0 }, underWay: { commits: 0, bytes: 0 } },
  reads: { waiting: 0, underWay: 0 },
};

/** A store need not have a status. One that has tells the truth. */
export const statusCases: readonly ConformanceCase[] = [
  {
    id: "status/load",
    rule: "A store that has a status counts its commits, their bytes and its reads while they are made, and none at rest.",
    bringsNeighbours: true,
    async run({ open, identity, record, payload }) {
      const store = await open();
      if (store.status === undefined) return;
      assert.deepEqual(store.status(), IDLE, "before anything was asked");
      const owner = identity();
      const saves = [100, 20, 3].map((size, index) =>
        store.save(record(owner, `kind/${index}`, { bytes: payload(size) })),
      );
      const others = [store.delete(owner, "other"), store.erase({ ...owner, session: "other" })];
      const { waiting, underWay } = store.status().writes;
      assert.equal(waiting.commits + underWay.commits, 5, "three saves, a delete and an erase");
      assert.equal(waiting.bytes + underWay.bytes, 123, "their payload bytes");
      await Promise.all([...saves, ...others]);
      await assertIdle(store, "after the writes");
      const reads = [store.find(owner, "kind/0"), store.find(owner, "kind/1"), store.list(owner, "")];
      const { reads: asked } = store.status();
      assert.equal(asked.waiting + asked.underWay, 3, "two reads of slots and a list");
      await Promise.all<unknown>(reads);
      await assertIdle(store, "after the reads");
    },
  },
  {
    id: "status/after-close",
    rule: "A store that has a status tells it after close, too: nothing waits and nothing is under way.",
    async run({ open, identity, record }) {
      const store = await open();
      if (store.status === undefined) return;
      await Promise.all([store.save(record(identity(), "kind")), store.close()]);
      await assertIdle(store, "after close");
    },
  },
];

/** A store may count a call until the turn after its answer. */
async function assertIdle(store: StateStore, what: string): Promise<void> {
  await turn();
  assert.deepEqual(store.status?.(), IDLE, what);
}
