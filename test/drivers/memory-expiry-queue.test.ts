import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ExpiryQueue } from "../../drivers/memory/expiry-queue.js";
import { stored } from "../store/store-rig.js";

const WINDOW = 100;

/** A line in which each event was saved at its own time, and is current or has been overwritten. */
function lineOf(events: readonly { savedAt: number; current?: boolean }[]) {
  const line = new ExpiryQueue();
  for (const [index, { savedAt, current = false }] of events.entries()) {
    line.remember(stored({ eventId: `${index}` }), "slot", savedAt).current = current;
  }
  return { line, left: () => events.flatMap((_, index) => (line.get("acme", `${index}`) ? [index] : [])) };
}

function times(count: number, savedAt: number, current = false) {
  return Array.from({ length: count }, () => ({ savedAt, current }));
}

describe("forgetting", () => {
  test("takes the oldest first, and no more than it may", () => {
    const { line, left } = lineOf([...times(3, 0), ...times(3, 10)]);
    line.forget(2, 1000, WINDOW);
    expect(left()).toEqual([2, 3, 4, 5]);
    line.forget(0, 1000, WINDOW);
    expect(left()).toEqual([2, 3, 4, 5]);
    line.forget(9, 1000, WINDOW);
    expect(left()).toEqual([]);
    line.forget(9, 1000, WINDOW);
  });

  test("ends where the window has not passed", () => {
    const { line, left } = lineOf([...times(2, 0), ...times(2, 1)]);
    line.forget(9, WINDOW, WINDOW);
    expect(left()).toEqual([2, 3]);
  });

  test("moves current ids to the end, once per window, and counts them", () => {
    const { line, left } = lineOf([...times(4, 0, true), ...times(4, 0)]);
    line.forget(6, 1000, WINDOW);
    expect(left()).toEqual([0, 1, 2, 3, 6, 7]);
    line.forget(2, 1000, WINDOW);
    expect(left()).toEqual([0, 1, 2, 3]);
    // The four stand at the end with a time of their own, and are not due.
    for (let index = 0; index < 4; index++)
      Object.assign(line.get("acme", `${index}`) ?? {}, { current: false });
    line.forget(9, 1000 + WINDOW - 1, WINDOW);
    expect(left()).toEqual([0, 1, 2, 3]);
    line.forget(9, 1000 + WINDOW, WINDOW);
    expect(left()).toEqual([]);
  });

  test("gets on among a million that are current", () => {
    const line = new ExpiryQueue();
    const record = stored();
    const remember = (eventId: string) => line.remember({ ...record, eventId }, "slot", 0);
    for (let index = 0; index < 1_000_000; index++) remember(`current${index}`);
    for (let index = 0; index < 1000; index++) remember(`old${index}`).current = false;

    const batches = Math.ceil(1_001_000 / 512);
    for (let batch = 1; batch < batches; batch++) line.forget(512, 1000, WINDOW);
    expect([line.get("acme", "old0"), line.get("acme", "old999") !== undefined]).toEqual([undefined, true]);
    line.forget(512, 1000, WINDOW);
    expect([line.get("acme", "old999"), line.get("acme", "current0") !== undefined]).toEqual([
      undefined,
      true,
    ]);
  }, 120_000);

  test("leaves an id that was saved again after its window alone, where its older self stood", () => {
    const { line } = lineOf(times(1, 0));
    const again = line.remember(stored({ eventId: "0", version: 1 }), "slot", 500);
    line.forget(9, 500, WINDOW);
    expect(line.get("acme", "0")).toBe(again);
    again.current = false;
    line.forget(9, 600, WINDOW);
    expect(line.get("acme", "0")).toBeUndefined();
  });

  test("is not blocked by a clock that was set back", () => {
    const { line, left } = lineOf([...times(2, 1_000_000), ...times(2, 0)]);
    line.forget(4, 1000, WINDOW);
    expect(left()).toEqual([0, 1]);
    line.forget(4, 1_000_000 + WINDOW, WINDOW);
    expect(left()).toEqual([]);
  });
});

test("an id is the tenant's own", () => {
  const { line } = lineOf(times(1, 0));
  expect([line.get("acme", "0") === undefined, line.get("other", "0"), line.get("acm", "e\x000")]).toEqual([
    false,
    undefined,
    undefined,
  ]);
});

test("in random runs no id within its window is lost, and all others are forgotten in the end", () => {
  const step = fc.record({
    saves: fc.nat(5),
    overwritten: fc.array(fc.nat(200), { maxLength: 5 }),
    passes: fc.constantFrom(0, 1, 30, 150),
  });
  fc.assert(
    fc.property(fc.array(step, { size: "max", maxLength: 60 }), (steps) => {
      const line = new ExpiryQueue();
      const saved: { eventId: string; savedAt: number; current: boolean }[] = [];
      let now = 0;
      for (const { saves, overwritten, passes } of steps) {
        now += passes;
        for (let index = 0; index < saves; index++) {
          const eventId = `${saved.length}`;
          saved.push({ eventId, savedAt: now, current: true });
          line.remember(stored({ eventId }), "slot", now);
        }
        for (const index of overwritten) {
          const event = saved[index];
          if (event === undefined) continue;
          event.current = false;
          Object.assign(line.get("acme", event.eventId) ?? {}, { current: false });
        }
        line.forget(saves * 2, now, WINDOW);
        for (const { eventId, savedAt, current } of saved) {
          if (current || savedAt > now - WINDOW)
            expect([eventId, line.get("acme", eventId)?.savedAt]).toEqual([eventId, savedAt]);
        }
      }
      for (const later of [2, 4]) line.forget(saved.length, now + later * WINDOW, WINDOW);
      for (const { eventId, current } of saved) expect(line.get("acme", eventId) !== undefined).toBe(current);
    }),
    { numRuns: 200 },
  );
});
