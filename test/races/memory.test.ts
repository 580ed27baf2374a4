import { expect, test } from "vitest";
import { isSoak, soak } from "../soak.js";
import { BROKEN } from "./broken-drivers.js";
import { racesInMemory } from "./races.js";
import { mustBeLinearizable, seedsUntilFound } from "./run.js";

test("whatever clients of two stores ask of it, memory is linearizable", async ({ annotate }) => {
  const tally = await mustBeLinearizable(racesInMemory(), isSoak ? soak(60) : 40, true);
  await annotate(`${tally}`);
  tally.mustShowRaces();
}, 3_600_000);

test.for(Object.entries(BROKEN))(
  "a driver is found that %s",
  { timeout: 120_000 },
  async ([, made], { annotate }) => {
    const seeds = await seedsUntilFound(racesInMemory(made), 200);
    await annotate(`found after ${seeds}`);
    expect(seeds).toBeDefined();
  },
);
