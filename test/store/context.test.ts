import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { currentStore, requireStore, withStore } from "../../src/store/context.js";
import { createStore } from "../../src/store/driver-store.js";
import { driverWith, failure } from "./store-rig.js";

const [outer, inner] = [createStore(driverWith({})), createStore(driverWith({}))];

test("outside there is none, which is STORE_CLOSED to whoever needs one", async () => {
  expect(currentStore()).toBeUndefined();
  expect(await failure((async () => requireStore())())).toMatchObject({ code: "STORE_CLOSED" });
});

test("the innermost is current, across await, timers and promises, and returns what the function returns", async () => {
  const seen = await withStore(outer, async () => {
    await turn();
    const before = currentStore();
    const within = await withStore(inner, () => turn().then(() => requireStore()));
    const later = new Promise((resolve) => setTimeout(() => resolve(currentStore()), 1));
    return [before, within, await later, requireStore()];
  });
  expect(seen).toEqual([outer, inner, outer, outer]);
  expect(withStore(outer, () => 7)).toBe(7);
  expect(currentStore()).toBeUndefined();
});

test("flows that run side by side each see their own", async () => {
  const flow = (store: typeof outer) =>
    withStore(store, async () => {
      for (let round = 0; round < 5; round++) {
        await turn();
        if (requireStore() !== store) throw new Error("another flow's store");
      }
    });
  await Promise.all([flow(outer), flow(inner), flow(outer)]);
});

test("what the function throws passes through, and the store is left", () => {
  const error = new Error("inside");
  const act = () =>
    withStore(outer, () => {
      throw error;
    });
  expect(act).toThrow(error);
  expect(currentStore()).toBeUndefined();
});
