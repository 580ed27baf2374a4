import { describe, expect, test } from "vitest";
import { buildPreload, whyNoPreload } from "../preload/preload.js";
import { sampleOf, soak } from "../soak.js";
import { withSeeds } from "./seeds.js";
import { losses } from "./sqlite-bad-syncs.js";
import { type RecordingOptions, record } from "./sqlite-recording.js";
import { expectSurvival, tellImages } from "./sqlite-survival.js";

type Run = Omit<RecordingOptions, "seed"> & Required<Pick<RecordingOptions, "full">>;

const USUAL = { scripts: 5, steps: 40, largest: 3_000, legs: 2, database: "made" } as const;
/** When the first leg ends: the store is closed, and opened again, on a full disk. */
const CLOSING = (USUAL.scripts * USUAL.steps) / USUAL.legs;
/** What the log takes in 4,000 pages of 512 bytes; the checkpoint that then comes finds little room. */
const LOG_OF_A_CHECKPOINT = 4_000 * (512 + 24);

const RUNS: readonly (readonly [what: string, run: Run, images: number])[] = [
  ...(["worker", "inline"] as const).map((thread) => {
    const full = [
      { answers: 0, room: 0, failures: 3 },
      { answers: 30, room: 20_000, failures: 20 },
      { answers: CLOSING, room: 0, failures: 5 },
      { answers: CLOSING + 50, room: 1_000, failures: 20 },
    ];
    return [thread, { thread, full, ...USUAL }, 60] as const;
  }),
  [
    "while a database is made",
    {
      thread: "worker",
      full: [{ answers: 0, room: 10_000, failures: 3 }],
      ...{ scripts: 2, steps: 4, largest: 500, legs: 1, database: "none" },
    },
    30,
  ],
  [
    "inline, at a checkpoint",
    {
      thread: "inline",
      full: [{ answers: 0, room: LOG_OF_A_CHECKPOINT + 50_000, failures: 20 }],
      ...{ scripts: 8, steps: 120, largest: 4_000, legs: 1, database: "small pages" },
    },
    40,
  ],
];

const library = whyNoPreload ? "" : buildPreload("io-record");

describe.skipIf(whyNoPreload !== undefined)(`a full disk (${whyNoPreload ?? "simulated"})`, () => {
  test.for(sampleOf(RUNS, 2))(
    "refuses writes, loses none, and is forgotten when there is room: %s",
    {
      timeout: soak(60_000),
    },
    async ([, run, images], { annotate }) => {
      await withSeeds(1, async (seed) => {
        const recording = await record(library, { seed, ...run });
        const { errors, wrong, total } = recording.answers;
        expect(errors.filter((error) => !/^UNAVAILABLE the disk is full/.test(error))).toEqual([]);
        const failures = run.full.reduce((sum, each) => sum + each.failures, 0);
        expect(errors.length).toBeGreaterThanOrEqual(failures);
        // A write that was refused had written nothing, and everything could be read.
        expect(wrong).toEqual([]);
        expect(total).toBe(run.scripts * run.steps);
        const toll = await expectSurvival(recording, images);
        await annotate(`${errors.length} refusals, ${total} answered writes, images: ${tellImages(toll)}`);
      });
    },
  );

  test("does not hide a writer that answers before it has written", async ({ annotate }) => {
    const full = [{ answers: 30, room: 20_000, failures: 20 }];
    const options = { seed: 1, thread: "inline", acknowledges: "early", full, ...USUAL } as const;
    const lost = await losses(await record(library, options), 40);
    expect(lost).toBeGreaterThan(0);
    await annotate(`${lost} of at most 40 images lost answered writes`);
  });
});
