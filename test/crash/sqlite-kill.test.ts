import { describe, expect, onTestFinished, test } from "vitest";
import { isSoak, sampleOf, soak } from "../soak.js";
import { withSeeds } from "./seeds.js";
import { type KillOptions, Kills, type Round } from "./sqlite-kills.js";

const SERIES = isSoak ? 2 : 1;
const SHORT: readonly Round[] = ["opening", "pair", "one"];
const ROUNDS: readonly Round[] = isSoak ? [...SHORT, "pair", "one", "opening", "pair", "one", "one"] : SHORT;
/** Rounds that begin without a database. */
const FIRST_ROUNDS = isSoak ? 2 : 1;
const MOST_EARLY_ROUNDS = 100;

function killsOf(options: KillOptions): Kills {
  const kills = new Kills(options);
  onTestFinished(() => kills.close());
  return kills;
}

describe.each(sampleOf(["worker", "inline"] as const, 2))(
  "writers that are killed while they write (%s)",
  (thread) => {
    test("lose nothing that was answered and leave nothing torn", { timeout: soak(120_000) }, async ({
      annotate,
    }) => {
      await withSeeds(SERIES, async (seed) => {
        const kills = killsOf({ seed, thread });
        for (const round of ROUNDS) await kills.round(round);
        expect(kills.wrong).toEqual([]);
        expect(kills.kills).toBe(ROUNDS.length);
        expect(kills.answered).toBeGreaterThan(ROUNDS.length);
        await annotate(`${kills.kills} kills, ${kills.answered} answered writes`);
      });
    });

    test("while they make a database leave none, or a whole one", { timeout: soak(120_000) }, async () => {
      await withSeeds(FIRST_ROUNDS, async (seed) => {
        const kills = killsOf({ seed, thread });
        await kills.round("opening");
        expect(kills.wrong).toEqual([]);
        expect(kills.kills).toBe(1);
      });
    });

    test("are found out when they answer before they have written", { timeout: 120_000 }, async ({
      annotate,
    }) => {
      const kills = killsOf({ seed: 1, thread, acknowledges: "early" });
      for (let round = 0; round < MOST_EARLY_ROUNDS && kills.wrong.length === 0; round++)
        await kills.round("one");
      expect(kills.wrong.filter((what) => what.includes(" lost: "))).not.toEqual([]);
      await annotate(`${kills.kills} kills, ${kills.wrong.length} findings`);
    });
  },
);
