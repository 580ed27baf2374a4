import fc from "fast-check";
import { checkProperty, replayHint } from "../differential/replay.js";
import type { History } from "./history.js";
import { explain, judge } from "./judge.js";
import { Tally } from "./tally.js";

/** Makes a property of what is done with each history; what that throws is its failure. */
export type Races<T> = (look: (history: History) => void) => fc.IAsyncProperty<T>;

class NotExplained extends Error {
  readonly history: History;

  constructor(history: History) {
    super("not linearizable");
    this.history = history;
  }
}

/** Runs races, all of which must be linearizable; what was in their histories. `replays` says that a seed repeats all. */
export async function mustBeLinearizable<T>(races: Races<T>, seeds: number, replays = false): Promise<Tally> {
  const tally = new Tally();
  const property = races((history) => {
    tally.add(history);
    if (judge(history).is !== "linearizable") throw new NotExplained(history);
  });
  const result = await checkProperty(property, seeds, { endOnFailure: !replays });
  if (!result.failed) return tally;
  const { errorInstance } = result;
  if (!(errorInstance instanceof NotExplained)) throw errorInstance;
  throw new Error(`${explain(errorInstance.history)}\n\n${replayHint(result)}`);
}

/** Runs races until one is found not to be linearizable: how many it took, or `undefined` when that was not enough. */
export async function seedsUntilFound<T>(races: Races<T>, most: number): Promise<number | undefined> {
  let seeds = 0;
  const property = races((history) => {
    seeds++;
    if (judge(history).is === "not linearizable") throw new NotExplained(history);
  });
  const { failed, errorInstance } = await fc.check(property, { numRuns: most, endOnFailure: true });
  if (failed && !(errorInstance instanceof NotExplained)) throw errorInstance;
  return failed ? seeds : undefined;
}
