import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { onAbort } from "../../src/timing/on-abort.js";

const listeners = (signal: AbortSignal) => getEventListeners(signal, "abort").length;

test("actions of one signal share a listener, and each runs once", () => {
  const controller = new AbortController();
  const done: number[] = [];
  for (const number of [1, 2, 3]) onAbort(controller.signal, () => done.push(number));
  expect(listeners(controller.signal)).toBe(1);
  controller.abort();
  controller.abort();
  expect(done).toEqual([1, 2, 3]);
});

test("a cancelled action does not run, and the last one removes the listener", () => {
  const controller = new AbortController();
  const done: number[] = [];
  const releases = [1, 2].map((number) => onAbort(controller.signal, () => done.push(number)));
  releases[0]?.();
  releases[0]?.();
  expect(listeners(controller.signal)).toBe(1);
  releases[1]?.();
  expect(listeners(controller.signal)).toBe(0);
  controller.abort();
  expect(done).toEqual([]);
});

test("a signal may be used again after all actions were cancelled", () => {
  const controller = new AbortController();
  const done: number[] = [];
  const release = onAbort(controller.signal, () => done.push(1));
  release();
  onAbort(controller.signal, () => done.push(2));
  // Cancelled a second time: this must not cancel the other action.
  release();
  controller.abort();
  expect(done).toEqual([2]);
});

test("an action may cancel another", () => {
  const controller = new AbortController();
  const done: number[] = [];
  onAbort(controller.signal, () => release());
  const release = onAbort(controller.signal, () => done.push(1));
  controller.abort();
  expect(done).toEqual([]);
});
