import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createStore } from "../../src/store/driver-store.js";
import { isSoak, soak } from "../soak.js";
import { type Named, runScript } from "./perform.js";
import { assertProperty } from "./replay.js";
import { scripts } from "./script.js";
import { type Drivers, openDrivers } from "./stores.js";

let opened: Drivers;
let stores: readonly Named[];

beforeAll(async () => {
  opened = await openDrivers();
  stores = opened.drivers.map(({ name, driver }) => ({
    name,
    store: createStore(driver, { layers: driver.layers ?? [], inFlight: name === "postgres" ? 4 : 1 }),
  }));
});

afterAll(async () => {
  await Promise.all(stores.map(({ store }) => store.close()));
  await opened.clean();
});

test(
  "every store answers whatever is asked as the model does",
  async () => {
    let runs = 0;
    let steps = 0;
    const script = scripts(() => `#${++runs}`, 60);
    await assertProperty(
      fc.asyncProperty(script, async (script) => {
        steps += script.steps.length;
        await runScript(script, stores);
      }),
      isSoak ? 120 : 30,
      // A smaller script of the same world would meet what the one before left.
      { endOnFailure: true },
    );
    if (!process.env.GROUNDSTATE_REPLAY) expect(steps).toBeGreaterThan(1000);
  },
  soak(120_000),
);
