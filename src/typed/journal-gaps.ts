import type { Bounds } from "./journal-bounds.js";

/** The numbers that one record accounts for. */
export interface Span {
  readonly from: number;
  readonly number: number;
}

/** Which numbers a caller reads, and in which order. */
export interface RequestedRange {
  readonly from?: number | undefined;
  readonly reverse?: boolean;
}

/**
 * The numbers, lowest first, that the bounds promise and no record accounts for. `spans` are in ascending order. A read that
 * ended because it had enough promises nothing beyond the last record that it saw.
 */
export function findGaps(
  spans: readonly Span[],
  { from, reverse }: RequestedRange,
  { first, next }: Bounds,
  hasEnough: boolean,
): Span[] {
  let lowest = reverse ? first : Math.max(from ?? first, first);
  let highest = reverse ? Math.min(from ?? next - 1, next - 1) : next - 1;
  if (hasEnough && reverse) lowest = spans[0]?.from ?? lowest;
  if (hasEnough && !reverse) highest = spans.at(-1)?.number ?? highest;
  const gaps: Span[] = [];
  const addUpTo = (number: number) => {
    if (lowest <= number) gaps.push({ from: lowest, number });
  };
  for (const span of spans) {
    addUpTo(span.from - 1);
    lowest = Math.max(lowest, span.number + 1);
  }
  addUpTo(highest);
  return gaps;
}
