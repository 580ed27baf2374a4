import { decodeTime } from "ulid";
import { afterEach, expect, test, vi } from "vitest";
import { newEventId } from "../../src/process/event-id.js";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("is a ULID of the time it was made, which is an event id", () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2200, 0, 1) });
  const id = newEventId();
  expect(id).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  expect(decodeTime(id)).toBe(Date.UTC(2200, 0, 1));
});

test("each is greater than all before, within a millisecond and when the clock goes back", () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2201, 0, 1) });
  const ids: string[] = [];
  const make = () => ids.push(...Array.from({ length: 10_000 }, newEventId));
  make();
  vi.setSystemTime(Date.UTC(2200, 6, 1));
  make();
  expect(ids.every((id, index) => index === 0 || id > (ids[index - 1] as string))).toBe(true);
});

test.each([0, -1, Number.NaN, 2 ** 49])("is made even if the clock is at %d", (now) => {
  vi.spyOn(Date, "now").mockReturnValue(now);
  expect(newEventId()).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
});
