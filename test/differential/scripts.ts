import fc from "fast-check";
import { type Script, scriptOf } from "../../conformance/histories/script.js";

/** A world, and what is asked in it; `phases` times, with the window passing in between. Tenants carry `mark`. */
export function scripts(mark: () => string, operations: number, phases = 1): fc.Arbitrary<Script> {
  return fc.noShrink(fc.nat()).map((seed) => scriptOf(seed, { operations, mark: mark(), phases }));
}
