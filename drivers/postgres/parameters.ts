import { invalid } from "../../src/contract/errors.js";
import { DEADLINE, type Parameter } from "./connection.js";

/** A checked copy of the parameters: at run time TypeScript's types guarantee nothing. */
export function checkedParameters(parameters: readonly unknown[]): Parameter[] {
  for (const [index, value] of parameters.entries())
    if (!isPlain(value)) throw invalid(`parameter ${index + 1}`, "well-formed text, or null");
  return [...parameters] as Parameter[];
}

/** The client would send "[object Object]" for an object, and the same text for a lone surrogate and for U+FFFD. */
function isPlain(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  return value === null || value === DEADLINE;
}
