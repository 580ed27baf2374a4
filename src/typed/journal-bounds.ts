import { readObject } from "../validation/validate.js";
import { type Codec, mappedJson } from "./codec.js";
import { itemKind } from "./names.js";

/** The numbers of the entries that exist: from `first` to `next - 1`. */
export interface Bounds {
  /** The number of the first entry. Equal to `next` when there are no entries. */
  readonly first: number;
  /** The number that the next entry gets. */
  readonly next: number;
}

/** The stored form of the bounds. */
export interface Head extends Bounds {
  /** The records of the entries from this number to `first - 1` were trimmed but still have to be removed. */
  readonly unswept?: number;
}

export const EMPTY_HEAD: Head = { first: 1, next: 1 };

export const HEAD_CODEC: Codec<Head> = mappedJson<Head>({ write: (head) => ({ ...head }), read: readHead });

/** Impossible bounds are refused on read: with them, a number would be given to two entries. */
export function readHead(value: unknown): Head {
  const { first, next, unswept } = readObject(value, "head") as Partial<Record<keyof Head, unknown>>;
  if (!isNumber(first) || !isNumber(next) || first > next) throw new Error("not a journal's bounds");
  if (unswept === undefined) return { first, next };
  if (!isNumber(unswept) || unswept >= first) throw new Error("not a journal's bounds");
  return { first, next, unswept };
}

const NUMBER_DIGITS = 16;

/** The kind of an entry. In the order of kinds, entries are in the order of their numbers. */
export function entryKind(name: string, number: number): string {
  return itemKind(name, String(number).padStart(NUMBER_DIGITS, "0"));
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}
