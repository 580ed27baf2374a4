import fc from "fast-check";
import { afterAll, beforeAll } from "vitest";
import { assertProperty } from "../differential/replay.js";
import { isSoak } from "../soak.js";
import { type Choices, choices } from "./choices.js";
import { Watchdog } from "./watchdog.js";

/** Of the machine that the tests are run on, others may be using the most. */
export const TIME_LIMIT_MS = 120_000;

let watchdog: Watchdog | undefined;

beforeAll(() => {
  watchdog = new Watchdog();
});
afterAll(async () => {
  await watchdog?.stop();
});

/** Runs so many cases of a kind, always the same; in a soak more, and others each time. */
export async function runCases(
  kind: string,
  count: number,
  run: (choices: Choices) => Promise<void>,
): Promise<void> {
  const property = fc.asyncProperty(choices(), async (choices) => {
    watchdog?.begin(`${kind}, GROUNDSTATE_CHOICES="${choices.numbers}"`);
    await run(choices.again());
  });
  await assertProperty(property, count, isSoak ? {} : { seed: 2 });
}
