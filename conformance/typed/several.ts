import { setTimeout } from "node:timers/promises";
import type { StateStore } from "../../src/index.js";
import type { CaseContext } from "../harness/case.js";

const STORES = 3;

/** Three stores of the case's space, as if each were in a process of its own: they share no queue and no turns. */
export async function severalStores({ store, open }: CaseContext): Promise<StateStore[]> {
  const others = await Promise.all(Array.from({ length: STORES - 1 }, () => open()));
  return [store, ...others];
}

/** Waits until the clock shows another millisecond: what is listed by time is in no order within one. */
export async function anotherMillisecond(): Promise<void> {
  const start = Date.now();
  while (Date.now() === start) await setTimeout(1);
}
