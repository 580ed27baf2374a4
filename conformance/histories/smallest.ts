import type { Operation } from "./linearizable.js";

/**
 * The part of a history that no order explains for which that is easiest to see: it ends as soon as there is no order,
 * and lacks what changed nothing and is not needed. Each of both leaves a history which would have an order if the
 * whole had one.
 */
export function smallest<O extends Operation>(
  history: readonly O[],
  hasOrder: (history: readonly O[]) => boolean,
  isInert: (operation: O) => boolean,
): readonly O[] {
  let rest = shortest(history, hasOrder);
  for (const operation of rest.filter(isInert)) {
    const without = rest.filter((other) => other !== operation);
    if (!hasOrder(without)) rest = without;
  }
  return rest;
}

/** What is known after each answer has an order until one comes that does not fit, and never again. */
function shortest<O extends Operation>(
  history: readonly O[],
  hasOrder: (history: readonly O[]) => boolean,
): readonly O[] {
  const ends = history.flatMap(({ ended }) => (ended === undefined ? [] : [ended])).sort((a, b) => a - b);
  let [fits, fails] = [-1, ends.length - 1];
  while (fails - fits > 1) {
    const middle = (fits + fails) >> 1;
    if (hasOrder(until(history, ends[middle] as number))) fits = middle;
    else fails = middle;
  }
  return until(history, ends[fails] ?? Number.POSITIVE_INFINITY);
}

/** What was known at a moment: of what had not ended, not how it will. */
export function until<O extends Operation>(history: readonly O[], moment: number): readonly O[] {
  return history.flatMap((operation) => {
    if (operation.began > moment) return [];
    if (operation.ended === undefined || operation.ended <= moment) return [operation];
    const { ended: _, ...unfinished } = operation;
    return [unfinished as O];
  });
}
