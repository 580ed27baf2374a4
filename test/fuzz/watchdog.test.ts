import { expect, onTestFinished, test } from "vitest";
import { Watchdog } from "./watchdog.js";

function watched(ms: number) {
  const flag = new Int32Array(new SharedArrayBuffer(4));
  const watchdog = new Watchdog(ms, flag);
  onTestFinished(() => watchdog.stop());
  return { flag, watchdog };
}

test("work that never comes back to the event loop is noticed", () => {
  const { flag, watchdog } = watched(20);
  watchdog.begin("a loop without end");
  const end = performance.now() + 10_000;
  while (Atomics.load(flag, 0) === 0 && performance.now() < end);
  expect(flag[0]).toBe(1);
});

test("one case after another is not", async () => {
  const { flag, watchdog } = watched(5_000);
  for (let number = 0; number < 20; number++) {
    watchdog.begin(`case ${number}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(flag[0]).toBe(0);
});
