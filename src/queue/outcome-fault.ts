import { describeType } from "../contract/describe-type.js";
import type { Applied, Commit, Outcome } from "../contract/driver.js";

const NONE: readonly number[] = [];

/** Why a driver's answer is no possible outcome of this commit, in words without values; `undefined` if it is one. */
export function outcomeFault(outcome: Outcome | undefined, commit: Commit): string | undefined {
  switch (outcome?.is) {
    case "applied":
      return appliedFault(outcome, commit);
    case "conflict":
      return writeFault(outcome.write, commit);
    case "condition":
      if (outcome.current !== null && typeof outcome.current !== "string")
        return `current must be an event id or null, and is ${describeType(outcome.current)}`;
      return writeFault(outcome.write, commit);
    case "duplicate":
    case "failed":
      return undefined;
    default:
      return `an outcome has one of the five values of \`is\`, and this one is ${describeType(outcome)} without`;
  }
}

function appliedFault({ existed, erased = NONE }: Applied, { writes }: Commit): string | undefined {
  if (!Array.isArray(existed)) return `existed must be an array, and is ${describeType(existed)}`;
  if (existed.length !== writes.length)
    return `existed must have ${writes.length} entries, one per write, and has ${existed.length}`;
  let erases = 0;
  for (const { op } of writes) if (op === "erase") erases++;
  if (Array.isArray(erased) && erased.length === erases && erased.every(Number.isSafeInteger))
    return undefined;
  const came = Array.isArray(erased) ? `has ${erased.length} entries` : `is ${describeType(erased)}`;
  return `erased must have ${erases} whole numbers, one per erase, and ${came}`;
}

function writeFault(index: number, { writes }: Commit): string | undefined {
  if (Number.isInteger(index) && writes[index] !== undefined) return undefined;
  return `write must be the index of one of the ${writes.length} writes, and is not`;
}
