import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { StateErrorCode, StateStore } from "../../src/index.js";
import { assertRejectedOnlyWith } from "../assertions/expect.js";
import type { CaseContext } from "../harness/case.js";

/** How often calls race: in one round they may happen to come one after the other. */
export const ROUNDS = 20;

type Three<T> = [T, T, T];

/** Three stores of the case's space, as if each were in a process of its own: they share no queue and no turns. */
export async function severalStores({ store, open }: CaseContext): Promise<Three<StateStore>> {
  return [store, await open(), await open()];
}

/** A wrapper on each of them. */
export async function severalOf<W>(
  context: CaseContext,
  create: (store: StateStore) => W,
): Promise<Three<W>> {
  return (await severalStores(context)).map((store) => create(store)) as Three<W>;
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
