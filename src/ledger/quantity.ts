import { invalid, wrongType } from "../contract/errors.js";
import { readObject } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import { readMoney } from "./money.js";

/** Quantities of units by name, such as `{ images: 2, seconds: 3.5 }`. */
export type Quantities = Readonly<Record<string, number>>;

/** The same, exact: in millionths, by name in the order of the names. */
export type ExactQuantities = Readonly<Record<string, bigint>>;

/** An entry has at most so many units. */
const MAX_UNITS = 16;
const MAX_NAME_BYTES = 64;
/** `readMoney` counts in 10^-12. */
const MONEY_PER_MILLIONTH = 1_000_000n;
const MAX_MILLIONTHS = 10n ** 15n;
const RULE = "a number of 0 or more and at most a thousand million, with at most 6 digits behind the point";

/** Reads quantities by name. INVALID_RECORD names the unit: `units.images`. */
export function readQuantities(value: unknown, sign: "signed" | "unsigned" = "unsigned"): ExactQuantities {
  const names = Object.keys(readObject(value, "units"));
  if (Array.isArray(value) || names.length > MAX_UNITS)
    throw invalid("units", `an object of at most ${MAX_UNITS} units`);
  const given = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    names.sort().map((name) => [readUnitName(name), readQuantity(given[name], `units.${name}`, sign)]),
  );
}

export function readUnitName(value: unknown): string {
  const name = readText(value, "units", MAX_NAME_BYTES);
  if (name === "") throw invalid("units", "of names that are not empty");
  return name;
}

/** Reads one quantity, in millionths. */
function readQuantity(value: unknown, field: string, sign: "signed" | "unsigned"): bigint {
  if (typeof value !== "number") throw wrongType(field, RULE, value);
  if (value < 0 && sign === "signed") return -readQuantity(-value, field, sign);
  let exact: bigint;
  try {
    exact = readMoney(value, field);
  } catch {
    throw invalid(field, RULE);
  }
  if (exact % MONEY_PER_MILLIONTH !== 0n || exact / MONEY_PER_MILLIONTH > MAX_MILLIONTHS)
    throw invalid(field, RULE);
  return exact / MONEY_PER_MILLIONTH;
}

/** The number nearest to an exact quantity. */
export function formatQuantity(millionths: bigint): number {
  return Number(millionths) / 1e6;
}

export function formatQuantities(exact: ExactQuantities): Quantities {
  return Object.fromEntries(Object.entries(exact).map(([name, units]) => [name, formatQuantity(units)]));
}
