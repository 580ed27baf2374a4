import { describe, expect, test } from "vitest";
import { buildPreload, whyNoPreload } from "../preload/preload.js";
import { isSoak, sampleOf, soak } from "../soak.js";
import { withSeeds } from "./seeds.js";
import { losses, withFailedSyncs } from "./sqlite-bad-syncs.js";
import { type RecordingOptions, record } from "./sqlite-recording.js";
import { expectSurvival, tellImages } from "./sqlite-survival.js";

type Run = Omit<RecordingOptions, "seed">;

const USUAL = { scripts: 5, steps: 30, largest: 3_000, legs: 3 };
const LONG = { scripts: 8, steps: 150, largest: 4_000, legs: 1 };

const RUNS: readonly (readonly [what: string, run: Run, images: number])[] = [
  ["every third", { failSyncs: { first: 3, every: 3 }, thread: "worker", database: "made", ...USUAL }, 60],
  [
    "every third, inline",
    { failSyncs: { first: 3, every: 3 }, thread: "inline", database: "made", ...USUAL },
    60,
  ],
  [
    "of a new database",
    { failSyncs: { first: 4, every: 20 }, thread: "worker", database: "none", ...USUAL },
    60,
  ],
  [
    "at checkpoints",
    { failSyncs: { first: 7, every: 7 }, thread: "inline", database: "small pages", ...LONG },
    40,
  ],
];

const library = whyNoPreload ? "" : buildPreload("io-record");

describe.skipIf(whyNoPreload !== undefined)(`syncs that fail (${whyNoPreload ?? "simulated"})`, () => {
  test.for(sampleOf(RUNS, 2))(
    "take nothing with them that was answered: %s",
    { timeout: soak(60_000) },
    async ([, run, images], { annotate }) => {
      await withSeeds(1, async (seed) => {
        const recording = await record(library, { seed, ...run });
        const { errors, total } = recording.answers;
        const failed = recording.events.filter((event) => event.is === "failed sync").length;
        expect(failed).toBeGreaterThan(2);
        expect(errors.filter((error) => !/^(UNAVAILABLE|OUTCOME_UNKNOWN) /.test(error))).toEqual([]);
        expect(errors.length).toBeGreaterThan(0);
        // What was in doubt could be settled, all of it.
        expect(total).toBe(run.scripts * run.steps);
        const toll = await expectSurvival(recording, isSoak ? images : Math.ceil(images / 4));
        await annotate(`${failed} failed syncs, ${total} answered writes, images: ${tellImages(toll)}`);
      });
    },
  );

  test("would take something if nobody were told of them", async ({ annotate }) => {
    const recording = await record(library, { seed: 1, thread: "worker", database: "made", ...USUAL });
    const lost = await losses(withFailedSyncs(recording, 3), 40);
    expect(lost).toBeGreaterThan(0);
    await annotate(`${lost} of at most 40 images lost answered writes`);
  });
});
