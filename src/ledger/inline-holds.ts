import type { Identity } from "../contract/store.js";
import type { Cell } from "../typed/cell.js";
import { digestOf, scopedEventId } from "../typed/names.js";
import type { StoredBudget } from "./budget.js";
import type { WriteSet } from "./write-set.js";

/** In a budget of a tenant or a user reservations of many sessions meet, each with ids of its own. */
export function inlineHoldId({ user, session }: Identity, id: string): string {
  return scopedEventId(digestOf(user, session), id);
}

/** What a reservation of before holds back inside the budgets' records. */
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
