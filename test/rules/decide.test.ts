import { describe, expect, test } from "vitest";
import type { Commit, Write } from "../../src/contract/driver.js";
import { afterWaiting, decide, isSeen, type SeenEvent, slotOf, type View } from "../../src/rules/decide.js";
import { SLOT, stored } from "../store/store-rig.js";

const NOW = 1000;
const WINDOW = 100;

const save = (kind: string, eventId: string, expect?: string | null): Write => {
  const record = stored({ kind, eventId });
  return expect === undefined ? { op: "save", record } : { op: "save", record, expect };
};
const remove = (kind: string, expect?: string | null): Write => {
  const slot = { ...SLOT, kind };
  return expect === undefined ? { op: "delete", slot } : { op: "delete", slot, expect };
};
const check = (kind: string, expect: string | null): Write => ({
  op: "check",
  slot: { ...SLOT, kind },
  expect,
});

/** Slot `a` holds event `cur`, `b` holds `b1`, all others are empty. */
const CURRENT: Readonly<Record<string, string>> = { a: "cur", b: "b1" };

/** The remembered events, by id; each was saved in the slot and with the content of `save(its kind, its id)`. */
const EVENTS: Readonly<Record<string, Omit<SeenEvent, "fingerprint"> & { kind: string; erased?: true }>> = {
  cur: { kind: "a", savedAt: 0, current: true },
  b1: { kind: "b", savedAt: NOW, current: true },
  old: { kind: "a", savedAt: NOW - WINDOW + 1, current: false },
  gone: { kind: "a", savedAt: NOW - WINDOW, current: false },
  erased: { kind: "x", savedAt: NOW, current: false, erased: true },
};

function view(tenants: string[] = []): View {
  return {
    now: NOW,
    window: WINDOW,
    current: ({ kind }) => CURRENT[kind],
    event(tenant, eventId) {
      tenants.push(tenant);
      const event = EVENTS[eventId];
      if (event === undefined) return undefined;
      const { fingerprint } = stored({ kind: event.kind, eventId });
      return { ...event, fingerprint: event.erased ? null : fingerprint };
    },
  };
}

const applied = (...existed: boolean[]) => ({ is: "applied", existed });
const duplicate = { is: "duplicate" };
const conflict = (write: number) => ({ is: "conflict", write });
const condition = (write: number, current: string | null) => ({ is: "condition", write, current });

describe("decide", () => {
  test.each<[string, Write[], object]>([
    ["a new save into an empty slot", [save("c", "n")], applied(false)],
    ["a new save over a record", [save("a", "n")], applied(true)],
    ["a delete of a record", [remove("a")], applied(true)],
    ["a delete of nothing", [remove("c")], applied(false)],
    [
      "several, each with what was there",
      [save("c", "n"), remove("a"), check("b", "b1")],
      applied(false, true, true),
    ],
    // Events.
    ["the current event again", [save("a", "cur")], duplicate],
    ["an overwritten event again, in its window", [save("a", "old")], duplicate],
    ["an overwritten event again, past its window", [save("a", "gone")], applied(true)],
    ["another content under an event past its window", [save("c", "gone")], applied(false)],
    ["a current event past its window, in another slot", [save("c", "cur")], conflict(0)],
    ["an overwritten event in another slot", [save("c", "old")], conflict(0)],
    ["an erased event, in its slot or another", [save("c", "erased")], duplicate],
    ["two duplicates", [save("a", "cur"), save("b", "b1")], duplicate],
    [
      "two duplicates and what is no save",
      [remove("c", "no"), save("a", "old"), check("b", null)],
      duplicate,
    ],
    ["a duplicate whose condition no longer holds", [save("a", "old", null)], duplicate],
    ["a partial replay", [remove("c"), save("c", "n"), save("a", "old")], conflict(2)],
    ["a partial replay, the seen one first", [save("a", "old"), save("c", "n")], conflict(0)],
    ["a partial replay of two", [save("c", "n"), save("a", "old"), save("b", "b1")], conflict(1)],
    ["a duplicate and another content", [save("a", "old"), save("c", "cur")], conflict(1)],
    [
      "a new one, then two of other content",
      [save("d", "n"), save("c", "cur"), save("e", "old")],
      conflict(1),
    ],
    // Conditions.
    ["the expected event", [save("a", "n", "cur")], applied(true)],
    ["another than the expected event", [save("a", "n", "no")], condition(0, "cur")],
    ["an event expected, nothing there", [save("c", "n", "no")], condition(0, null)],
    ["nothing expected, nothing there", [save("c", "n", null)], applied(false)],
    ["nothing expected, an event there", [save("a", "n", null)], condition(0, "cur")],
    ["a delete of what is expected", [remove("a", "cur")], applied(true)],
    ["a delete of something else", [remove("a", "no")], condition(0, "cur")],
    ["a delete of nothing where nothing is expected", [remove("c", null)], applied(false)],
    ["the first of two that fail", [save("d", "n"), check("a", "no"), check("b", null)], condition(1, "cur")],
    ["a conflict beside a condition that fails earlier", [check("a", null), save("c", "cur")], conflict(1)],
    ["checks alone", [check("a", "cur"), check("c", null)], applied(true, false)],
  ])("%s", (_, writes, outcome) => {
    expect(decide({ tenant: "acme", writes }, view())).toEqual(outcome);
  });

  test("looks up events of the commit's tenant only", () => {
    const asked: string[] = [];
    const commit: Commit = { tenant: "acme", writes: [save("a", "n"), remove("b"), save("c", "old")] };
    decide(commit, view(asked));
    expect(asked).toEqual(["acme", "acme"]);
  });
});

test("an event is seen while it is current, and within the window after it was saved", () => {
  const seen = (savedAt: number, current: boolean) =>
    isSeen({ fingerprint: null, savedAt, current }, NOW, WINDOW);
  expect([seen(NOW - WINDOW, false), seen(NOW - WINDOW + 1, false), seen(NOW + 5, false)]).toEqual([
    false,
    true,
    true,
  ]);
  expect([seen(0, true), seen(NOW, true)]).toEqual([true, true]);
});

test("slotOf", () => {
  expect(slotOf(save("a", "n"))).toMatchObject({ ...SLOT, kind: "a" });
  expect(slotOf(remove("a"))).toEqual({ ...SLOT, kind: "a" });
});

describe("a fingerprint of which only the beginning is remembered", () => {
  const record = stored({ eventId: "e1" });
  const outcomeOf = (fingerprint: string) =>
    decide(
      { tenant: record.tenant, writes: [{ op: "save", record }] },
      {
        now: 1,
        window: 10,
        current: () => undefined,
        event: () => ({ fingerprint, savedAt: 0, current: true }),
      },
    ).is;

  test.each([
    ["all of it", record.fingerprint, "duplicate"],
    ["its first 20 characters", record.fingerprint.slice(0, 20), "duplicate"],
    ["its last 20 characters", record.fingerprint.slice(-20), "conflict"],
    ["20 others", "x".repeat(20), "conflict"],
    ["its first 19, which are too few", record.fingerprint.slice(0, 19), "conflict"],
    ["nothing", "", "conflict"],
  ])("%s", (_, remembered, outcome) => {
    expect(outcomeOf(remembered)).toBe(outcome);
  });
});

test("the window of a commit that waited starts later, in whole milliseconds", () => {
  expect(afterWaiting({ now: 100, window: 10 }, 2.9)).toEqual({ now: 102, window: 10 });
});
