import { describe, expect, test } from "vitest";
import { buildPreload, whyNoPreload } from "../preload/preload.js";
import { isSoak, sampleOf, soak } from "../soak.js";
import { withSeeds } from "./seeds.js";
import { losses, withoutSyncs } from "./sqlite-bad-syncs.js";
import { choosePowerCuts, cutPower } from "./sqlite-power-cuts.js";
import { checkpointsIn, type RecordingOptions, record } from "./sqlite-recording.js";
import { expectSurvival, powerCutToReplay, tell, tellImages } from "./sqlite-survival.js";

type Run = Omit<RecordingOptions, "seed">;

const SHORT = { scripts: 2, steps: 4, largest: 500, legs: 1 };
const USUAL = { scripts: 5, steps: 40, largest: 3_000, legs: 4 };
/** With small pages this is enough for several checkpoints. */
const LONG = { scripts: 8, steps: 140, largest: 4_000, legs: 1 };

const RUNS: readonly (readonly [what: string, run: Run, checkpoints: number, images: number])[] = [
  ["a new database", { thread: "worker", database: "none", ...SHORT }, 1, 100],
  ["a new database, inline", { thread: "inline", database: "none", ...SHORT }, 1, 60],
  ["closing and opening", { thread: "worker", database: "none", ...USUAL }, USUAL.legs, 120],
  ["closing and opening, inline", { thread: "inline", database: "made", ...USUAL }, USUAL.legs, 100],
  ["checkpoints", { thread: "worker", database: "small pages", ...LONG }, 2, 40],
  ["checkpoints, inline", { thread: "inline", database: "small pages", ...LONG }, 2, 40],
];

const replayed = powerCutToReplay();
const library = whyNoPreload ? "" : buildPreload("io-record");

describe.skipIf(whyNoPreload !== undefined)(`when the power goes (${whyNoPreload ?? "simulated"})`, () => {
  test.runIf(replayed)("at the moment of GROUNDSTATE_REPLAY", async () => {
    const { recording, cut } = replayed as NonNullable<typeof replayed>;
    const { casualties } = await cutPower(recording, [cut]);
    expect(casualties.map(tell)).toEqual([]);
  });

  describe.skipIf(replayed !== undefined)("at any moment", { timeout: soak(60_000) }, () => {
    test.for(sampleOf(RUNS, 2))(
      "of %s: nothing answered is lost and nothing torn",
      async ([, run, checkpoints, images], { annotate }) => {
        await withSeeds(1, async (seed) => {
          const recording = await record(library, { seed, ...run });
          expect(checkpointsIn(recording)).toBeGreaterThanOrEqual(checkpoints);
          const toll = await expectSurvival(recording, isSoak ? images : Math.ceil(images / 8));
          await annotate(`${recording.answers.total} answered writes, images: ${tellImages(toll)}`);
        });
      },
    );
  });
});

/** That nothing was lost above would mean nothing if these lost nothing. */
describe.skipIf(whyNoPreload !== undefined)(`power cuts (${whyNoPreload ?? "simulated"})`, () => {
  const options = { seed: 1, thread: "inline", database: "none", ...USUAL } as const;
  let recorded: ReturnType<typeof record> | undefined;

  test('find what durability: "process" gives up, and nothing torn', async ({ annotate }) => {
    const recording = await record(library, { ...options, thread: "worker", durability: "process" });
    const { casualties } = await cutPower(recording, choosePowerCuts(recording, 60, 1), isSoak ? 60 : 3);
    expect(casualties.length).toBeGreaterThan(0);
    expect(casualties.flatMap(({ wrong }) => wrong).filter((what) => !what.startsWith("lost: "))).toEqual([]);
    await annotate(`${casualties.length} of at most 60 images lost answered writes`);
  });

  test("find a writer that answers before it has written", async ({ annotate }) => {
    const lost = await losses(await record(library, { ...options, acknowledges: "early" }), 40);
    expect(lost).toBeGreaterThan(0);
    await annotate(`${lost} of at most 40 images lost answered writes`);
  });

  test.for(["log", "database", "folder"] as const)(
    "find missing syncs of the %s",
    async (what, { annotate }) => {
      recorded ??= record(library, options);
      const lost = await losses(withoutSyncs(await recorded, what), 40);
      expect(lost).toBeGreaterThan(0);
      await annotate(`${lost} of at most 40 images lost answered writes`);
    },
  );
});
