import type { EraseTarget, Slot, SlotPrefix } from "../contract/driver.js";
import { compareText } from "./order.js";

/** A place among the slots of a session, which are ordered by run and then by kind. */
export type Place = Pick<Slot, "run" | "kind">;

/** The slots of an erase: from `from` up to, and without, `until`. The slots of any erase are such a range. */
export interface EraseRange {
  readonly from: Place;
  readonly until: Place;
}

/** Longer than any run or kind may be, and made of the highest code point: greater than each of them, also behind a prefix. */
export const AFTER_ALL = "\u{10FFFF}".repeat(129);

/** The range of the target among the slots of its session. */
export function eraseRange(target: EraseTarget): EraseRange {
  if (!isSlotPrefix(target)) return { from: { run: "", kind: "" }, until: { run: AFTER_ALL, kind: "" } };
  const { run, prefix } = target;
  return { from: { run, kind: prefix }, until: { run, kind: prefix + AFTER_ALL } };
}

/** The least slot that may be in the target. For a whole session its kind is empty, as no record's is. */
export function firstSlotOf(target: EraseTarget): Slot {
  const { tenant, user, session } = target;
  return { tenant, user, session, ...eraseRange(target).from };
}

/** Whether a slot is one of those that an erase of the target empties. */
export function isInTarget(slot: Slot, target: EraseTarget): boolean {
  const { tenant, user, session } = target;
  const isOfSession = slot.tenant === tenant && slot.user === user && slot.session === session;
  if (!isSlotPrefix(target)) return isOfSession;
  return isOfSession && slot.run === target.run && slot.kind.startsWith(target.prefix);
}

/** The least place after this one: no kind holds a NUL. */
export function placeAfter({ run, kind }: Place): Place {
  return { run, kind: `${kind}\u0001` };
}

export function comparePlaces(a: Place, b: Place): number {
  return compareText(a.run, b.run) || compareText(a.kind, b.kind);
}

export function isInRange(place: Place, { from, until }: EraseRange): boolean {
  return comparePlaces(place, from) >= 0 && comparePlaces(place, until) < 0;
}

/** Whether one of two ranges lies in the other. If not, they have nothing in common. */
export function overlap(a: EraseRange, b: EraseRange): boolean {
  return comparePlaces(a.from, b.until) < 0 && comparePlaces(b.from, a.until) < 0;
}

/** Whether all of the inner range is in the outer one. */
export function covers(outer: EraseRange, inner: EraseRange): boolean {
  return comparePlaces(outer.from, inner.from) <= 0 && comparePlaces(inner.until, outer.until) <= 0;
}

function isSlotPrefix(target: EraseTarget): target is SlotPrefix {
  return "prefix" in target;
}
