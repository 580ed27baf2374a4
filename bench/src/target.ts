import type { Reading, Readings } from "./readings.js";

/** A figure to be reached. */
export interface Target {
  /** Of the list in the issue on speed; 9 is what the ledger, which is built on the floor, is to do. */
  readonly number: number;
  readonly what: string;
  readonly wanted: string;
  read(readings: Readings): Reading | undefined;
  isMet(value: number): boolean;
  /** Never so that it looks better than it is. */
  show(value: number): string;
}

type Read = Target["read"];

interface More {
  /** Behind the figure: what it is a figure of. */
  readonly unit?: string;
  /** More than is required. */
  readonly aim?: number;
  /** The issue names no figure; this one is the bench's own. */
  readonly own?: true;
}

export function atLeast(number: number, what: string, limit: number, read: Read, more: More = {}): Target {
  const { unit = "×", aim } = more;
  return {
    number,
    what,
    wanted: `≥ ${limit} ${unit}${aim === undefined ? "" : `, aim ${aim}`}${mark(more)}`,
    read,
    isMet: (value) => value >= limit,
    show: (value) => `${(Math.floor(value * 100) / 100).toFixed(2)} ${unit}`,
  };
}

export function atMost(number: number, what: string, limit: number, read: Read, more: More = {}): Target {
  const { unit = "×" } = more;
  return {
    ...below(number, what, limit, read, more),
    wanted: `≤ ${limit} ${unit}${mark(more)}`,
    isMet: (value) => value <= limit,
  };
}

export function below(number: number, what: string, limit: number, read: Read, more: More = {}): Target {
  const { unit = "×" } = more;
  return {
    number,
    what,
    wanted: `< ${limit} ${unit}${mark(more)}`,
    read,
    isMet: (value) => value < limit,
    show: (value) => `${(Math.ceil(value * 100) / 100).toFixed(2)} ${unit}`,
  };
}

function mark({ own }: More): string {
  return own === true ? " (the bench's own figure)" : "";
}
