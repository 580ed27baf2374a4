import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isSoak, soak } from "../soak.js";
import type { Choices } from "./choices.js";
import { assertSaid, assertState, type FileCase, isSound, openCase, writeCase } from "./file-case.js";
import {
  DATABASE_DAMAGES,
  type FileDamage,
  FOREIGN_DAMAGES,
  HARMLESS_DAMAGES,
  LOG_DAMAGES,
} from "./file-damage.js";
import { type Images, makeImages } from "./image.js";
import { runCases, TIME_LIMIT_MS } from "./run-cases.js";
import { Tally } from "./tally.js";

/** How many files there are of each kind of damage, and how many of them are written to. */
const FILES = isSoak ? 8 : 1;
const WRITTEN = isSoak ? 2 : 1;
const IN_A_THREAD = 1;

let folder: string;
let images: Images;
const tally = new Tally();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "groundstate-files-"));
  images = await makeImages();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  if (isSoak) console.log(`files: ${tally}`);
});

/** The damaged files of a database, all of it in one file or the end of it in a log. */
function damaged(
  damage: FileDamage,
  choices: Choices,
  image = choices.one([images.inFile, images.inLog]),
): FileCase {
  const { files, states } = image;
  return { path: join(folder, "state.db"), files: damage(files, choices, images.other.files), states };
}

describe("of a damaged database file every record is right, or CORRUPT, or SQLite's check finds it missing", () => {
  test.each(Object.entries(DATABASE_DAMAGES))(
    "%s",
    async (kind, damage) => {
      await runCases(kind, FILES, async (choices) => {
        const given = damaged(damage, choices);
        tally.count(kind, assertSaid(given, await openCase(given)));
      });
      await runCases(`${kind}, written to`, WRITTEN, async (choices) => {
        const given = damaged(damage, choices);
        const written = await writeCase(given, choices);
        if (typeof written !== "string" && written.lost + written.missing > 0)
          expect(isSound(given)).toBe(false);
        tally.count(
          "written to",
          typeof written === "string" ? "refused" : written.lost > 0 ? "lost more" : "lost no more",
        );
      });
      await runCases(`${kind}, in a thread`, IN_A_THREAD, async (choices) => {
        const given = { ...damaged(damage, choices), thread: "worker" } as const;
        tally.count("in a thread", assertSaid(given, await openCase(given)));
      });
    },
    soak(TIME_LIMIT_MS),
  );
});

describe("of a damaged log nothing is read but a state that was acknowledged", () => {
  test.each(Object.entries(LOG_DAMAGES))(
    "%s",
    async (kind, damage) => {
      await runCases(kind, FILES, async (choices) => {
        const { files, states, path } = damaged(damage, choices, images.inLog);
        const verdict = await openCase({ files, states, path });
        const isLatest = assertState(verdict) === states.length - 1;
        tally.count(`log: ${kind}`, isLatest ? "the latest state" : "an older state");
      });
    },
    soak(TIME_LIMIT_MS),
  );
});

describe("what SQLite makes anew changes nothing", () => {
  test.each(Object.entries(HARMLESS_DAMAGES))(
    "%s",
    async (kind, damage) => {
      await runCases(kind, FILES, async (choices) => {
        const given = damaged(damage, choices);
        const state = given.states.length - 1;
        expect(await openCase(given)).toEqual({ corrupt: 0, missing: 0, forgotten: 0, state });
        tally.count(kind, "the latest state");
      });
    },
    soak(TIME_LIMIT_MS),
  );

  test("a journal, which no Groundstate database has, is refused and left", async () => {
    await runCases("a journal", FILES, async (choices) => {
      const journal = Buffer.alloc(choices.between(1, 10_000), choices.below(256));
      const given = damaged((files) => ({ ...files, journal }), choices);
      // One that begins with a zero counts as none.
      expect(await openCase(given)).toEqual(journal[0] === 0 ? expect.anything() : "UNAVAILABLE");
      tally.count("a journal", "refused or passed over");
    });
  });
});

describe("of what belongs to another database nothing is read that was never saved", () => {
  test.each(Object.entries(FOREIGN_DAMAGES))(
    "%s",
    async (kind, damage) => {
      await runCases(kind, FILES, async (choices) => {
        const given = damaged(damage, choices);
        const verdict = await openCase({ ...given, states: [...images.other.states, ...given.states] });
        if (typeof verdict === "string") tally.count(kind, `refused as ${verdict}`);
        else tally.count(kind, verdict.corrupt > 0 ? "CORRUPT" : "as it was");
      });
    },
    soak(TIME_LIMIT_MS),
  );
});
