import { isDeepStrictEqual } from "node:util";
import type { ListNamespacesOperation, SearchOperation } from "@langchain/langgraph-checkpoint";
import { invalid } from "../../contract/errors.js";

const OPERATORS: Readonly<Record<string, (value: unknown, given: unknown) => boolean>> = {
  $eq: isDeepStrictEqual,
  $ne: (value, given) => !isDeepStrictEqual(value, given),
  $gt: (value, given) => Number(value) > Number(given),
  $gte: (value, given) => Number(value) >= Number(given),
  $lt: (value, given) => Number(value) < Number(given),
  $lte: (value, given) => Number(value) <= Number(given),
  $in: (value, given) => listOf(given, "$in").some((each) => isDeepStrictEqual(value, each)),
  $nin: (value, given) => !listOf(given, "$nin").some((each) => isDeepStrictEqual(value, each)),
};

/** Whether the fields of a value are as a filter says: equal, or as all its operators say. INVALID_RECORD for an unknown one. */
export function matches(
  value: Readonly<Record<string, unknown>>,
  filter: SearchOperation["filter"] = {},
): boolean {
  return Object.entries(filter).every(([field, given]) => {
    const own = Object.hasOwn(value, field) ? value[field] : undefined;
    if (!hasOperators(given)) return isDeepStrictEqual(own, given);
    return Object.entries(given).every(([operator, operand]) => {
      const holds = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
      if (holds === undefined)
        throw invalid("filter", `of the operators ${Object.keys(OPERATORS).join(", ")}`);
      return holds(own, operand);
    });
  });
}

/** Whether a namespace begins and ends as the conditions say; `*` stands for any label. */
export function isNamed(
  namespace: readonly string[],
  conditions: ListNamespacesOperation["matchConditions"],
): boolean {
  return (conditions ?? []).every(({ matchType, path }) => {
    const from = matchType === "prefix" ? 0 : namespace.length - path.length;
    return from >= 0 && path.every((label, at) => label === "*" || label === namespace[from + at]);
  });
}

/** The labels that every namespace begins with that meets the conditions. */
export function commonBeginning(conditions: ListNamespacesOperation["matchConditions"]): string[] {
  const beginnings = (conditions ?? [])
    .filter(({ matchType }) => matchType === "prefix")
    .map(({ path }) => path.slice(0, path.includes("*") ? path.indexOf("*") : path.length));
  return beginnings.sort((one, other) => other.length - one.length)[0] ?? [];
}

function hasOperators(given: unknown): given is Record<string, unknown> {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return false;
  const names = Object.keys(given);
  return names.length > 0 && names.every((name) => name.startsWith("$"));
}

function listOf(given: unknown, operator: string): unknown[] {
  if (!Array.isArray(given)) throw invalid("filter", `of a list for ${operator}`);
  return given;
}
