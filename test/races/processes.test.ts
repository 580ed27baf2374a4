import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { StoreProcesses } from "../../conformance/histories/store-processes.js";
import { built } from "../conformance/built.js";
import { soak } from "../soak.js";
import { racesAcross } from "./process-races.js";
import { mustBeLinearizable, seedsUntilFound } from "./run.js";

const { fileReference, mutants } = built;

/** A fleet on a folder of its own, which is removed when the processes are gone. */
async function fleetOn({ harness, modulePath }: typeof fileReference, size: number) {
  const space = `races-${randomUUID()}`;
  onTestFinished(() => harness.destroy?.(space));
  const processes = await StoreProcesses.launch(size, modulePath as string, space);
  onTestFinished(() => processes.end());
  return processes;
}

test("what the broken drivers are made from is linearizable across processes", async () => {
  await mustBeLinearizable(racesAcross(await fleetOn(fileReference, 3), 6), soak(2));
});

/** Those whose spaces several processes can have open at once. No client of a race watches. */
const overProcesses = mutants.filter(
  ({ modulePath, harness, breaks }) =>
    modulePath !== undefined && !harness.exclusive && !breaks.startsWith("watch/"),
);

test.for(overProcesses.map((mutant) => [mutant.id, mutant] as const))(
  "a driver is found that %s",
  { timeout: 120_000 },
  async ([, mutant], { annotate }) => {
    const seeds = await seedsUntilFound(racesAcross(await fleetOn(mutant, 2), 6, false), 100);
    await annotate(`found after ${seeds}`);
    expect(seeds).toBeDefined();
  },
);
