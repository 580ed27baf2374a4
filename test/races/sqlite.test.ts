import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { StoreProcesses } from "../../conformance/histories/store-processes.js";
import { removeFolder } from "../conformance/sqlite-harness.mjs";
import { freshPath, open } from "../drivers/sqlite-rig.js";
import { isSoak, sampleOf, soak } from "../soak.js";
import { BROKEN } from "./broken-drivers.js";
import { racesAcross } from "./process-races.js";
import { racesOn } from "./races.js";
import { mustBeLinearizable, seedsUntilFound } from "./run.js";

const HARNESS = new URL("../conformance/sqlite-harness.mjs", import.meta.url).href;

afterAll(removeFolder);

test("whatever clients of two stores ask of one file, it is linearizable", async ({ annotate }) => {
  const tally = await mustBeLinearizable(racesOn(await twoDrivers()), isSoak ? soak(20) : 12);
  await annotate(`${tally}`);
  tally.mustShowRaces();
}, 3_600_000);

test("also where the stores are in three processes, some of which are killed", async ({ annotate }) => {
  const processes = await StoreProcesses.launch(3, HARNESS, "races");
  onTestFinished(() => processes.end());
  const tally = await mustBeLinearizable(racesAcross(processes, 6), soak(6));
  await annotate(`$tally, killed $processes.killed`);
  tally.mustShowRaces();
}, 3_600_000);

describe("a driver is found that", () => {
  test.for(sampleOf(Object.entries(BROKEN), 5))(
    "%s",
    { timeout: 120_000 },
    async ([, made], { annotate }) => {
      const seeds = await seedsUntilFound(racesOn(await twoDrivers(), made), 200);
      await annotate(`found after $seeds`);
      expect(seeds).toBeDefined();
    },
  );
});

/** One that writes in a thread of its own and one that does not, on the same file. */
async function twoDrivers() {
  const path = freshPath();
  return [await open({ path }), await open({ path, thread: "inline" })];
}
