import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { currentStore, requireStore, withStore } from "../../src/store/context.js";
import { createStore } from "../../src/store/driver-store.js";
import { driverWith, failure } from "./store-rig.js";

const [outer, inner] = [createStore(driverWith({})), createStore(driverWith({}))];

test("outside of withStore there is none: requireStore throws STORE_CLOSED", async () => {
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

test("concurrent flows each see their own store", async () => {
  const flow = (store: typeof outer) =>
    withStore(store, async () => {
      for (let round = 0; round < 5; round++) {
        await turn();
        if (requireStore() !== store) throw new Error("another flow's store");
      }
    });
  await Promise.all([flow(outer), flow(inner), flow(outer)]);
});

test("an error of the function passes through, and the store is current no longer", () => {
  const error = new Error("inside");
  const act = () =>
    withStore(outer, () => {
      throw error;
    });
  expect(act).toThrow(error);
  expect(currentStore()).toBeUndefined();
});
