import { expect, test } from "vitest";
import { ownTime } from "./own-time.js";

test("a wait counts, and what keeps the process from running does not", async () => {
  const start = ownTime();
  await expect.poll(() => ownTime() - start).toBeGreaterThan(100);

  const [before, began] = [ownTime(), performance.now()];
  while (performance.now() < began + 300);
  expect(ownTime() - before).toBeLessThanOrEqual(20);
});
