/** What stands in several orders. */
export interface Ranked {
  readonly key: string;
  readonly score: number;
}

/** Keeps the first places from counting for everything. The number of the paper that has found the method. */
const K = 60;

/**
 * One order of several, each the best first: a key's score is the sum of `1 / (60 + place)` over those in which it stands
 * (reciprocal rank fusion; Cormack, Clarke and Büttcher, SIGIR 2009). Equally good ones by key.
 */
export function mergeByReciprocalRank(orders: readonly (readonly string[])[]): Ranked[] {
  const scores = new Map<string, number>();
  for (const order of orders)
    for (const [place, key] of order.entries()) scores.set(key, (scores.get(key) ?? 0) + 1 / (K + place + 1));
  return Array.from(scores, ([key, score]) => ({ key, score })).sort(
    (a, b) => b.score - a.score || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0),
  );
}
