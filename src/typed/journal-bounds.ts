import { type Codec, json } from "./codec.js";

/** Which entries there are: from `first` up to and without `next`. */
export interface Bounds {
  /** The number of the first entry that is there, or would be. */
  readonly first: number;
  /** The number that the next entry gets. */
  readonly next: number;
}

/** What is stored of them. */
export interface Head extends Bounds {
  /** From here to `first`, records of trimmed entries are left to be removed. */
  readonly unswept?: number;
}

export const EMPTY: Head = { first: 1, next: 1 };

/** Bounds that could not be are refused when they are read: numbers would be given out twice. */
export const HEAD: Codec<Head> = json<Head, Head>({
  schema: {
    "~standard": {
      version: 1,
      vendor: "groundstate",
      validate: (value) =>
        isBounds(value) ? { value } : { issues: [{ message: "not a journal's bounds" }] },
    },
  },
});

/** Which numbers were asked for, in which order. */
export interface Asked {
  readonly from?: number;
  readonly limit?: number;
  readonly reverse?: boolean;
}

/** The first number that should be among those read and is not, when these are the bounds. */
export function missingNumber(
  numbers: readonly number[],
  { from, limit, reverse }: Asked,
  { first, next }: Bounds,
): number | undefined {
  const lowest = reverse ? first : Math.max(from ?? first, first);
  const highest = reverse ? Math.min(from ?? next - 1, next - 1) : next - 1;
  const [start, end, step] = reverse ? [highest, lowest, -1] : [lowest, highest, 1];
  const isBehind = (number: number, other: number) => (number - other) * step > 0;

  const gap = numbers.findIndex((number, index) => isBehind(number, (numbers[index - 1] ?? number) + step));
  if (gap !== -1) return (numbers[gap - 1] as number) + step;
  if (lowest > highest) return undefined;
  const [begun = Number.POSITIVE_INFINITY * step] = numbers;
  if (isBehind(begun, start)) return start;
  const last = numbers.at(-1) as number;
  return numbers.length !== limit && isBehind(end, last) ? last + step : undefined;
}

function isBounds(value: unknown): value is Head {
  const { first, next, unswept } = (value ?? {}) as Partial<Record<keyof Head, unknown>>;
  if (!isNumber(first) || !isNumber(next) || first > next) return false;
  return unswept === undefined || (isNumber(unswept) && unswept < first);
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}
