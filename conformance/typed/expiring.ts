import assert from "node:assert/strict";
import { createExpiring } from "../../src/expiring/index.js";
import { type MaintenanceScope, maintenanceScope, type StateStore } from "../../src/index.js";
import type { ConformanceCase } from "../harness/case.js";

const GROUP = "pages";
const TTL_MS = 60_000;
/** Of the index that a clean-up goes by. */
const MORE_THAN_A_PAGE = 105;
const NOON = Date.UTC(2026, 0, 2, 12);

/** What values with a time to live promise, as far as it depends on the store. */
export const expiringCases: readonly ConformanceCase[] = [
  {
    id: "expiring/touched-stays",
    rule: "A value that is touched after a clean-up has looked at it stays; one that is past its time is read by nobody.",
    scans: "tenant",
    async run({ store, identity }) {
      const who = identity();
      const live = createExpiring(store, { clock: () => NOON + TTL_MS - 1 });
      const first = createExpiring(store, { clock: () => NOON });
      for (const key of ["touched", "left"]) await first.set(who, GROUP, key, key, { ttlMs: TTL_MS });
      const late = createExpiring(
        afterEachScan(store, () => live.touch(who, GROUP, "touched", { ttlMs: TTL_MS })),
        { clock: () => NOON + TTL_MS },
      );
      assert.equal(await late.get(who, GROUP, "left"), undefined, "what is past its time");
      assert.equal(await live.get(who, GROUP, "left"), "left", "what is not past its time");
      assert.equal((await late.cleanup(scopeOf(who.tenant))).removed, 1, "values that were removed");
      assert.equal(await late.get(who, GROUP, "touched"), "touched", "what was touched");
      assert.equal(await live.get(who, GROUP, "left"), undefined, "what was removed");
      assert.equal(await late.count(who, GROUP), 1, "values that count");
    },
  },
  {
    id: "expiring/cleanup-finds-all",
    rule: "One call of clean-up removes all values that are past their time, over many pages of them, and no other.",
    scans: "tenant",
    async run({ store, identity }) {
      const who = identity();
      const early = createExpiring(store, { clock: () => NOON });
      const late = createExpiring(store, { clock: () => NOON + TTL_MS });
      const set = (key: string, ttlMs: number) => early.set(who, GROUP, key, 1, { ttlMs });
      await Promise.all(Array.from({ length: MORE_THAN_A_PAGE }, (_, n) => set(`${n}`, TTL_MS - (n % 7))));
      await set("kept", TTL_MS + 1);
      assert.equal(await early.count(who, GROUP), MORE_THAN_A_PAGE + 1, "values before");
      assert.deepEqual(await late.cleanup(scopeOf(who.tenant)), { removed: MORE_THAN_A_PAGE }, "clean-up");
      const left = await early.list(who, GROUP);
      assert.deepEqual(
        left.values.map(({ key }) => key),
        ["kept"],
        "values that are left",
      );
    },
  },
];

function scopeOf(tenant: string): MaintenanceScope {
  return maintenanceScope({ reason: "conformance", tenant });
}

/** The store, with something that happens after each scan and before what follows from it. */
function afterEachScan(store: StateStore, next: () => Promise<unknown>): StateStore {
  return new Proxy(store, {
    get(target, name) {
      const method = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return async (...args: unknown[]) => {
        const answer = await Reflect.apply(method, target, args);
        if (name === "listKind") await next();
        return answer;
      };
    },
  });
}
