import { setTimeout as sleep } from "node:timers/promises";
import type { SessionIdentity } from "../../src/index.js";
import type { ClaimedRun, Runs } from "../../src/runs/index.js";

/** A clock that stands still until it is moved. */
export class TestClock {
  time = Date.UTC(2026, 0, 1);

  readonly now = () => this.time;

  pass(ms: number): void {
    this.time += ms;
  }
}

export const LEASE_MS = 30_000;
export const WORKER = { worker: "w1", leaseMs: LEASE_MS };

/** A new run that a worker holds. */
export async function held(
  runs: Runs,
  who: SessionIdentity,
  id: string,
  start: Parameters<Runs["start"]>[1] = {},
): Promise<ClaimedRun> {
  await runs.start(who, { ...start, id });
  return runs.claim(who, id, WORKER);
}

/** Resolves when the condition holds. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(2);
}

export async function drain<T>(all: AsyncIterable<T>): Promise<{ found: T[]; thrown: unknown }> {
  const found: T[] = [];
  try {
    for await (const one of all) found.push(one);
    return { found, thrown: undefined };
  } catch (thrown) {
    return { found, thrown };
  }
}
