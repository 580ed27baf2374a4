import assert from "node:assert/strict";
import type { StateRecord } from "../../src/index.js";
import type { Overwritten, Swap } from "./child-tasks.js";

/** What a list shows of a pair that is always committed together and erased together. */
export function assertUntorn(records: readonly StateRecord[]): void {
  const kinds = records.map(({ kind }) => kind);
  assert.ok(
    kinds.length === 0 || kinds.length === 2,
    `a list shows half of a commit: ${kinds.join(", ")} alone`,
  );
  const stamps = new Set(records.map(({ bytes }) => Buffer.from(bytes).toString("hex")));
  assert.ok(stamps.size <= 1, "a list shows one half of one commit and one half of another");
}

/** How many records erases of that pair may have removed. */
export function assertErasedWhole(counts: readonly number[]): void {
  const torn = counts.filter((count) => count !== 0 && count !== 2);
  assert.equal(torn.length, 0, `an erase removed ${torn[0]} of the two records of a commit`);
  assert.ok(counts.includes(2), "no erase met a record, though pairs were committed all the time");
}

/** No event was replaced by two conditional saves, which only holds if each of them was judged alone. */
export function assertReplacedOnce(swaps: readonly Swap[]): void {
  const replaced = new Set(swaps.map((swap) => swap.replaced));
  assert.equal(replaced.size, swaps.length, "two conditional saves went through on top of the same event");
}

/**
 * What an unconditional writer finds after a save is that save, or conditional ones on top of it: not one that was
 * conditional on what the save had replaced.
 */
export function assertNothingSlippedPast(saves: readonly Overwritten[], swaps: readonly Swap[]): void {
  const replacedBy = new Map(swaps.map(({ eventId, replaced }) => [eventId, replaced]));
  for (const { eventId, foundAfterwards } of saves) {
    let event: string | null | undefined = foundAfterwards;
    while (event !== eventId) {
      const below: string | null | undefined =
        event === undefined || event === null ? undefined : replacedBy.get(event);
      assert.notEqual(
        below,
        undefined,
        "a conditional save went through though another writer's save came before it",
      );
      event = below;
    }
  }
}
