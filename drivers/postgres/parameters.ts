import { invalid } from "../../src/contract/errors.js";
import { DEADLINE, type Parameter } from "./connection.js";

/** A copy of parameters that are what they should be; TypeScript does not hold whoever passes them to it. */
export function checkedParameters(parameters: readonly unknown[]): Parameter[] {
  for (const [index, value] of parameters.entries())
    if (!isPlain(value)) throw invalid(`parameter ${index + 1}`, "well-formed text, or null");
  return [...parameters] as Parameter[];
}

/** The client makes "[object Object]" of any object, and one text of a lone surrogate and of U+FFFD. */
function isPlain(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  return value === null || value === DEADLINE;
}
