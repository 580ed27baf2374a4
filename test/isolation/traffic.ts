import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { inspect, isDeepStrictEqual } from "node:util";

/** What the callers of a run were answered. */
export class Tally {
  /** Answers that were compared with what the caller must get. */
  compared = 0;
  readonly wrong: string[] = [];
  readonly refused: unknown[] = [];

  compare(who: string, answer: unknown, due: unknown): void {
    this.compared++;
    if (!isDeepStrictEqual(answer, due)) this.wrong.push(`${who} got ${clip(answer)} and not ${clip(due)}`);
  }
}

/** Asks again and again until it is over; what is refused, or not answered in time, is noted. */
export async function keepAsking(
  ask: (turn: number) => Promise<void>,
  {
    tally,
    isOver,
    withinMs,
  }: { readonly tally: Tally; readonly isOver: () => boolean; readonly withinMs?: number },
): Promise<void> {
  for (let turn = 0; !isOver(); turn++) {
    try {
      await answered(ask(turn), withinMs);
    } catch (error) {
      tally.refused.push(error);
      // What is refused at once, again and again, must not keep the others from going on.
      await turnOfTheLoop();
    }
  }
}

/** So many calls, at most some of them at once; each has to settle in time, however. */
export async function callEach(
  count: number,
  atOnce: number,
  call: (index: number) => PromiseLike<unknown>,
  withinMs?: number,
): Promise<readonly PromiseSettledResult<unknown>[]> {
  const results: PromiseSettledResult<unknown>[] = new Array(count);
  const numbers = Array(count).keys();
  const lane = async (): Promise<void> => {
    for (const index of numbers) {
      const [result] = await Promise.allSettled([answered((async () => call(index))(), withinMs)]);
      results[index] = result;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return results;
}

/** A call that hangs. */
export class NoAnswer extends Error {}

const PATIENCE_MS = 15_000;

export async function answered<T>(call: PromiseLike<T>, withinMs = PATIENCE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswer(`no answer within ${withinMs} ms`)), withinMs);
  });
  return Promise.race([call, late]).finally(() => clearTimeout(timer));
}

function clip(value: unknown): string {
  return inspect(value, { depth: 3, maxStringLength: 80 });
}
