import type { Identity } from "../contract/store.js";
import type { Cell } from "../typed/cell.js";
import { digestOf, scopedEventId } from "../typed/names.js";
import type { StoredBudget } from "./budget.js";
import type { WriteSet } from "./write-set.js";

/** The id of an inline hold. A budget of a tenant or user has holds of many sessions, whose own ids may be equal. */
export function inlineHoldId({ user, session }: Identity, id: string): string {
  return scopedEventId(digestOf(user, session), id);
}

/** Finds the inline hold of a reservation in the budgets' records. */
export async function findInlineHold(
  writes: WriteSet,
  budgets: readonly Cell<StoredBudget>[],
  id: string,
  now: number,
) {
  for (const cell of budgets) {
    const budget = await writes.get(cell);
    const found = budget?.inline.find((other) => other.id === id && other.until > now);
    if (found !== undefined) return found;
  }
  return undefined;
}

export async function removeInlineHolds(
  writes: WriteSet,
  budgets: readonly Cell<StoredBudget>[],
  isReleased: (id: string) => boolean,
): Promise<boolean> {
  let found = false;
  for (const cell of budgets) {
    const budget = await writes.get(cell);
    const inline = budget?.inline.filter(({ id }) => !isReleased(id));
    if (budget === undefined || inline?.length === budget.inline.length) continue;
    found = true;
    writes.put(cell, { ...budget, inline: inline as StoredBudget["inline"] });
  }
  return found;
}
