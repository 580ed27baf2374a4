import fc from "fast-check";
import type { History } from "../../conformance/histories/history.js";
import { judge } from "../../conformance/histories/judge.js";
import { checkProperty, replayHint } from "../differential/replay.js";
import { explain } from "./explain.js";
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

/** Of how many histories one may have more orders than are tried: on a busy machine more calls overlap. */
const ONE_OF = 5;

/** Runs races, all of which must be linearizable; what was in their histories. `replays` says that a seed repeats all. */
export async function mustBeLinearizable<T>(races: Races<T>, seeds: number, replays = false): Promise<Tally> {
  const tally = new Tally();
  let undecided = 0;
  const property = races((history) => {
    const { is } = judge(history);
    if (is === "not linearizable") throw new NotExplained(history);
    if (is === "undecided") undecided++;
    else tally.add(history);
  });
  const result = await checkProperty(property, seeds, { endOnFailure: !replays });
  if (!result.failed && undecided <= seeds / ONE_OF) return tally;
  if (!result.failed) throw new Error(`${undecided} of ${seeds} histories have more orders than are tried`);
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
