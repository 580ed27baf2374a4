import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { StateErrorCode, StateStore } from "../../src/index.js";
import { assertRejectedOnlyWith } from "../assertions/expect.js";
import type { CaseContext } from "../harness/case.js";

const STORES = 3;

/** How often calls race: in one round they may happen to come one after the other. */
export const ROUNDS = 20;

/** Three stores of the case's space, as if each were in a process of its own: they share no queue and no turns. */
export async function severalStores({ store, open }: CaseContext): Promise<StateStore[]> {
  const others = await Promise.all(Array.from({ length: STORES - 1 }, () => open()));
  return [store, ...others];
}

/** Waits until every clock of the process shows another millisecond: what is listed by time is in no order within one. */
export async function anotherMillisecond(): Promise<void> {
  await setTimeout(5);
}

/** One of the calls was accepted, and the others were refused with this code. Returns the place of the one. */
export function assertOneWinner(
  outcomes: readonly PromiseSettledResult<unknown>[],
  code: StateErrorCode,
  what: string,
): number {
  const accepted = outcomes.filter(({ status }) => status === "fulfilled").length;
  assert.equal(accepted, 1, `${what} that were accepted`);
  assertRejectedOnlyWith([code], outcomes, what);
  return outcomes.findIndex(({ status }) => status === "fulfilled");
}
