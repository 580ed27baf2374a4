import type { StoreStatus } from "../../src/index.js";
import { brokenStore, type Mutant } from "./mutant.js";

const IDLE: StoreStatus = {
  writes: { waiting: { commits: 0, bytes: 0 }, underWay: { commits: 0, bytes: 0 } },
  reads: { waiting: 0, underWay: 0 },
};

/** Stores that are wrong about their load. */
export const statusMutants: readonly Mutant[] = [
  brokenStore("says-that-it-is-idle", "status/load", () => ({ status: () => IDLE })),
  brokenStore("counts-writes-that-are-done", "status/load", (store) => {
    let done = 0;
    return {
      async save(record, options) {
        const receipt = await store.save(record, options);
        done++;
        return receipt;
      },
      status() {
        const { writes, reads } = store.status?.() ?? IDLE;
        const underWay = { ...writes.underWay, commits: writes.underWay.commits + done };
        return { writes: { ...writes, underWay }, reads };
      },
    };
  }),
  brokenStore("loses-its-status-with-its-driver", "status/after-close", (store) => {
    let isClosed = false;
    return {
      close(options) {
        isClosed = true;
        return store.close(options);
      },
      status: () => (isClosed ? (undefined as never) : (store.status?.() ?? IDLE)),
    };
  }),
];
