import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { SessionIdentity } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { severalOf } from "./several.js";

const ROUNDS = 5;
const EVENTS_EACH = 10;
/** How long a follower has for what was appended before. */
const FOLLOW_MS = 5_000;

/** What sessions promise of edits, of those who follow them and of lists by last event, as far as it depends on the store. */
export const sessionEditCases: readonly ConformanceCase[] = [
  {
    id: "sessions/edits-are-seen",
    rule: "Every other store sees an edit of a session (replace, redact, pop, truncate, rewrite) whole once it is made.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const [editor, ...readers] = await severalOf(context, createSessions);
      await editor.create(owner);
      const seen = async (expected: string, when: string) => {
        for (const reader of readers) assert.equal(await historyOf(reader, owner), expected, when);
      };
      await editor.append(
        owner,
        ["a", "b", "c", "d", "e"].map((value) => ({ id: `id-${value}`, value })),
      );
      await seen("1 a, 2 b, 3 c, 4 d, 5 e", "the events");
      await editor.replace(owner, { number: 2, value: "bb" });
      await editor.redact(owner, 3, { by: "grace", reason: "a secret" });
      await seen("1 a, 2 bb, 3 redacted, 4 d, 5 e", "after a replacement and a redaction");
      await editor.pop(owner, 1);
      await seen("1 a, 2 bb, 3 redacted, 4 d", "after a pop");
      await editor.truncate(owner, { after: 3 });
      await seen("1 a, 2 bb, 3 redacted", "after a truncation");
      const { numbers } = await editor.rewrite(owner, [
        { id: "id-b", value: "b3" },
        { id: "id-c", value: "c3" },
        { value: "new" },
      ]);
      await seen("6 b3, 7 redacted, 8 new", "after a rewrite");
      assert.deepEqual(numbers, [6, 7, 8], "numbers of the new history");
      for (const reader of readers)
        await refused("NOT_FOUND", "an event that was taken back", () =>
          reader.replace(owner, { number: 4, value: "late" }),
        );
    },
  },
  {
    id: "sessions/taken-back-once",
    rule: "Beside stores that pop, replace and append at once, each event is taken back by one or still there, and no number is given twice.",
    needs: "durable",
    async run(context) {
      const wrappers = await severalOf(context, createSessions);
      const [first] = wrappers;
      for (let round = 0; round < ROUNDS; round++) {
        const owner = context.identity();
        await first.create(owner);
        await first.append(
          owner,
          Array.from({ length: 6 }, (_, value) => ({ value })),
        );
        const popped: number[] = [];
        await Promise.all(
          wrappers.map(async (sessions, store) => {
            for (const { number } of await sessions.pop(owner, 2)) popped.push(number);
            const { numbers } = await sessions.append(owner, { value: `of ${store}` });
            const [number = 0] = numbers;
            // Another store may have taken it back.
            await sessions.replace(owner, { number, value: `by ${store}` }).catch(() => {});
            for (const taken of await sessions.pop(owner, 1)) popped.push(taken.number);
          }),
        );
        const left = (await first.read(owner)).map(({ number }) => number);
        const all = [...popped, ...left].sort((a, b) => a - b);
        assert.deepEqual(
          all,
          Array.from({ length: 9 }, (_, index) => index + 1),
          "events, taken back and left",
        );
      }
    },
  },
  {
    id: "sessions/followed-once-in-order",
    rule: "Who follows a session is told each event once, in order and without a gap, whichever stores append them.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const [reader, ...writers] = await severalOf(context, createSessions);
      await reader.create(owner);
      const total = writers.length * EVENTS_EACH;
      const follow = reader.follow(owner, { pollMs: 20 });
      const told: number[] = [];
      const following = (async () => {
        for await (const change of follow) {
          if (change.is === "event") told.push(change.event.number);
          if (told.length === total) return;
        }
      })();
      await Promise.all(
        writers.map(async (sessions) => {
          for (let turn = 0; turn < EVENTS_EACH; turn++) await sessions.append(owner, { value: turn });
        }),
      );
      // The wait for what never comes is given up, and the case fails by what was told.
      await Promise.race([following, setTimeout(FOLLOW_MS, undefined, { ref: false })]);
      assert.deepEqual(
        told,
        Array.from({ length: total }, (_, index) => index + 1),
        "numbers, as they were told",
      );
    },
  },
];

/** Numbers and values, as a reader sees them. */
async function historyOf(
  sessions: ReturnType<typeof createSessions>,
  owner: SessionIdentity,
): Promise<string> {
  const events = await sessions.read(owner);
  return events
    .map(({ number, value, redacted }) => `${number} ${redacted === undefined ? value : "redacted"}`)
    .join(", ");
}
