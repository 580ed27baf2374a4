const START = process.hrtime.bigint();

/** Nanoseconds since this module was loaded, of a clock that all processes of a machine share. */
export function clock(at: bigint = process.hrtime.bigint()): number {
  return Number(at - START);
}
