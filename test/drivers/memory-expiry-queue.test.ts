import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ExpiryQueue } from "../../drivers/memory/expiry-queue.js";
import { isSoak } from "../soak.js";
import { stored } from "../store/store-rig.js";

const WINDOW = 100;

/** A queue of events, each saved at its own time, and current or overwritten. */
function queueOf(events: readonly { savedAt: number; current?: boolean }[]) {
  const queue = new ExpiryQueue();
  for (const [index, { savedAt, current = false }] of events.entries()) {
    queue.remember(stored({ eventId: `${index}` }), "slot", savedAt).current = current;
  }
  return {
    queue: queue,
    left: () => events.flatMap((_, index) => (queue.get("acme", `${index}`) ? [index] : [])),
  };
}

function times(count: number, savedAt: number, current = false) {
  return Array.from({ length: count }, () => ({ savedAt, current }));
}

describe("forgetting", () => {
  test("takes the oldest first, and no more than it may", () => {
    const { queue, left } = queueOf([...times(3, 0), ...times(3, 10)]);
    queue.forget(2, 1000, WINDOW);
    expect(left()).toEqual([2, 3, 4, 5]);
    queue.forget(0, 1000, WINDOW);
    expect(left()).toEqual([2, 3, 4, 5]);
    queue.forget(9, 1000, WINDOW);
    expect(left()).toEqual([]);
    queue.forget(9, 1000, WINDOW);
  });

  test("ends where the window has not passed", () => {
    const { queue, left } = queueOf([...times(2, 0), ...times(2, 1)]);
    queue.forget(9, WINDOW, WINDOW);
    expect(left()).toEqual([2, 3]);
  });

  test("moves current ids to the end, once per window, and counts them", () => {
    const { queue, left } = queueOf([...times(4, 0, true), ...times(4, 0)]);
    queue.forget(6, 1000, WINDOW);
    expect(left()).toEqual([0, 1, 2, 3, 6, 7]);
    queue.forget(2, 1000, WINDOW);
    expect(left()).toEqual([0, 1, 2, 3]);
    // The four stand at the end with a time of their own, and are not due.
    for (let index = 0; index < 4; index++)
      Object.assign(queue.get("acme", `${index}`) ?? {}, { current: false });
    queue.forget(9, 1000 + WINDOW - 1, WINDOW);
    expect(left()).toEqual([0, 1, 2, 3]);
    queue.forget(9, 1000 + WINDOW, WINDOW);
    expect(left()).toEqual([]);
  });

  test("gets on among many that are current", () => {
    const many = isSoak ? 1_000_000 : 100_000;
    const queue = new ExpiryQueue();
    const record = stored();
    const remember = (eventId: string) => queue.remember({ ...record, eventId }, "slot", 0);
    for (let index = 0; index < many; index++) remember(`current${index}`);
    for (let index = 0; index < 1000; index++) remember(`old${index}`).current = false;

    const batches = Math.ceil((many + 1000) / 512);
    for (let batch = 1; batch < batches; batch++) queue.forget(512, 1000, WINDOW);
    expect([queue.get("acme", "old0"), queue.get("acme", "old999") !== undefined]).toEqual([undefined, true]);
    queue.forget(512, 1000, WINDOW);
    expect([queue.get("acme", "old999"), queue.get("acme", "current0") !== undefined]).toEqual([
      undefined,
      true,
    ]);
  }, 120_000);

  test("leaves an id that was saved again after its window alone, where its older self stood", () => {
    const { queue } = queueOf(times(1, 0));
    const again = queue.remember(stored({ eventId: "0", version: 1 }), "slot", 500);
    queue.forget(9, 500, WINDOW);
    expect(queue.get("acme", "0")).toBe(again);
    again.current = false;
    queue.forget(9, 600, WINDOW);
    expect(queue.get("acme", "0")).toBeUndefined();
  });

  test("is not blocked by a clock that was set back", () => {
    const { queue, left } = queueOf([...times(2, 1_000_000), ...times(2, 0)]);
    queue.forget(4, 1000, WINDOW);
    expect(left()).toEqual([0, 1]);
    queue.forget(4, 1_000_000 + WINDOW, WINDOW);
    expect(left()).toEqual([]);
  });
});

test("an id is the tenant's own", () => {
  const { queue } = queueOf(times(1, 0));
  expect([queue.get("acme", "0") === undefined, queue.get("other", "0"), queue.get("acm", "e\x000")]).toEqual(
    [false, undefined, undefined],
  );
});

test("in random runs no id within its window is lost, and all others are forgotten in the end", () => {
  const step = fc.record({
    saves: fc.nat(5),
    overwritten: fc.array(fc.nat(200), { maxLength: 5 }),
    passes: fc.constantFrom(0, 1, 30, 150),
  });
  fc.assert(
    fc.property(fc.array(step, { size: "max", maxLength: isSoak ? 60 : 30 }), (steps) => {
      const queue = new ExpiryQueue();
      const saved: { eventId: string; savedAt: number; current: boolean }[] = [];
      let now = 0;
      for (const { saves, overwritten, passes } of steps) {
        now += passes;
        for (let index = 0; index < saves; index++) {
          const eventId = `${saved.length}`;
          saved.push({ eventId, savedAt: now, current: true });
          queue.remember(stored({ eventId }), "slot", now);
        }
        for (const index of overwritten) {
          const event = saved[index];
          if (event === undefined) continue;
          event.current = false;
          Object.assign(queue.get("acme", event.eventId) ?? {}, { current: false });
        }
        queue.forget(saves * 2, now, WINDOW);
        for (const { eventId, savedAt, current } of saved) {
          if (current || savedAt > now - WINDOW)
            expect([eventId, queue.get("acme", eventId)?.savedAt]).toEqual([eventId, savedAt]);
        }
      }
      for (const later of [2, 4]) queue.forget(saved.length, now + later * WINDOW, WINDOW);
      for (const { eventId, current } of saved)
        expect(queue.get("acme", eventId) !== undefined).toBe(current);
    }),
    { numRuns: 200 },
  );
});
