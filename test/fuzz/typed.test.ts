import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isSoak, soak } from "../soak.js";
import { RECORD_DAMAGES, type RecordDamage } from "./json-damage.js";
import { runCases, TIME_LIMIT_MS } from "./run-cases.js";
import { Tally } from "./tally.js";
import { makeStory, readDamaged, type Story } from "./typed-case.js";
import { UNREAD } from "./typed-story.js";

/** How many records are damaged in each way. */
const CASES = isSoak ? 8 : 1;

let story: Story;
const tally = new Tally();

beforeAll(async () => {
  story = await makeStory();
});
afterAll(() => {
  if (isSoak) console.log(`typed: ${tally}`);
});

describe("what a wrapper reads of damaged JSON is what it was, or a StateError that says where", () => {
  test.each(Object.entries<RecordDamage>(RECORD_DAMAGES))(
    "%s",
    async (kind, damage) => {
      await runCases(kind, CASES, async (choices) => {
        const record = choices.one(story.records);
        const outcomes = await readDamaged(story, damage(record, choices, story.records));
        for (const outcome of outcomes) tally.count(kind, outcome);
      });
    },
    soak(TIME_LIMIT_MS),
  );
});

test("every record of the story is read by something", async () => {
  const unread = [];
  for (const record of story.records.filter(({ kind }) => !UNREAD.test(kind)))
    if ((await readDamaged(story, record)).length === 0) unread.push(record.kind);
  expect(unread).toEqual([]);
});
