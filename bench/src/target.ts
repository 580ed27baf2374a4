import type { Reading, Readings } from "./readings.js";

/** A figure to be reached. */
export interface Target {
  /** What the figure is of. */
  readonly area: string;
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
  /** Nobody asked for this figure: it is the bench's own. */
  readonly own?: true;
}

export function atLeast(area: string, what: string, limit: number, read: Read, more: More = {}): Target {
  const { unit = "×", aim } = more;
  return {
    area,
    what,
    wanted: `≥ ${limit} ${unit}${aim === undefined ? "" : `, aim ${aim}`}${mark(more)}`,
    read,
    isMet: (value) => value >= limit,
    show: (value) => `${(Math.floor(value * 100) / 100).toFixed(2)} ${unit}`,
  };
}

export function atMost(area: string, what: string, limit: number, read: Read, more: More = {}): Target {
  const { unit = "×" } = more;
  return {
    ...below(area, what, limit, read, more),
    wanted: `≤ ${limit} ${unit}${mark(more)}`,
    isMet: (value) => value <= limit,
  };
}

export function below(area: string, what: string, limit: number, read: Read, more: More = {}): Target {
  const { unit = "×" } = more;
  return {
    area,
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
