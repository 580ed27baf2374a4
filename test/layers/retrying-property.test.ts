import fc from "fast-check";
import { expect, test } from "vitest";
import type { Layer } from "../../src/contract/driver.js";
import { isStateError } from "../../src/contract/errors.js";
import { type RetryPolicy, type RetryRuntime, retrying } from "../../src/layers/index.js";
import { queueProperty, retriedQueue } from "../queue/queue-property.js";
import { isSoak, soak } from "../soak.js";
import { driverWith, unavailable } from "../store/store-rig.js";

const POLICY: RetryPolicy = { attempts: 3 };
const real = (runtime: RetryRuntime) => retrying(POLICY, runtime);
const property = (layer: (runtime: RetryRuntime) => Layer) =>
  queueProperty(retriedQueue(layer), { retries: true });

test("whatever the calls and the failures of the driver, the queue keeps its rules over a retrying layer", async () => {
  await fc.assert(property(real), { numRuns: isSoak ? soak(1500) : 400 });
});

/** Layers that break one rule each, and the rule by which the property catches them. */
const BROKEN: Readonly<Record<string, [rule: RegExp, layer: (runtime: RetryRuntime) => Layer]>> = {
  "sends lost deletes again": [
    /twice|order of making/,
    (runtime) => (driver) => {
      const apply = async (...batch: Parameters<typeof driver.apply>) => {
        try {
          return await driver.apply(...batch);
        } catch {
          await runtime.sleep(1, new AbortController().signal);
          return driver.apply(...batch);
        }
      };
      return driverWith({ ...driver, apply });
    },
  ],
  "says of what is in doubt that nothing was written": [
    /UNAVAILABLE/,
    (runtime) => (driver) => {
      const retried = real(runtime)(driver);
      const apply = (...batch: Parameters<typeof driver.apply>) =>
        retried.apply(...batch).catch((error) => {
          throw isStateError(error, "OUTCOME_UNKNOWN") ? unavailable("busy") : error;
        });
      return driverWith({ ...retried, apply });
    },
  ],
  "answers before the next try": [
    /acknowledged|alone|share a slot|order of making/,
    (runtime) => (driver) => {
      const apply = (...[commits, options]: Parameters<typeof driver.apply>) =>
        driver.apply(commits, options).catch((error) => {
          if (!isStateError(error, "UNAVAILABLE") || error.details.reason !== "unreachable") throw error;
          void runtime
            .sleep(1, new AbortController().signal)
            .then(() => driver.apply(commits, options))
            .catch(() => {});
          return commits.map(({ writes }) => ({ is: "applied" as const, existed: writes.map(() => false) }));
        });
      return driverWith({ ...driver, apply });
    },
  ],
  "never comes back from a pause": [
    /without an end/,
    (runtime) => retrying(POLICY, { ...runtime, sleep: () => new Promise(() => {}) }),
  ],
};

test.each(Object.entries(BROKEN))("the property catches a layer that %s", async (_, [rule, layer]) => {
  const { errorInstance } = await fc.check(property(layer), { seed: 1, numRuns: 1500, endOnFailure: true });
  expect((errorInstance as Error | undefined)?.message).toMatch(rule);
});
