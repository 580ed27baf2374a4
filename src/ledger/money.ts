import { invalid, wrongType } from "../contract/errors.js";

/** A decimal with up to 15 digits before the point and 12 behind it: `"0.0000000375"`. The currency is up to the caller. */
export type Money = string;

/** Money as callers pass it. A number stands for the decimal that `String` makes of it. */
export type MoneyInput = string | number;

const DECIMALS = 12;
const INTEGER_DIGITS = 15;
const UNIT = 10n ** BigInt(DECIMALS);
const MAX_UNITS = 10n ** BigInt(INTEGER_DIGITS) * UNIT;
const RULE = `a decimal of 0 or more with at most ${INTEGER_DIGITS} digits before the point and ${DECIMALS} behind it`;
const FLOAT_RULE = `${RULE}, not a float that was calculated: priceOf({ tokens, perMillion }) calculates exactly, moneyFrom(float) rounds`;

/** Reads money exactly, in units of 10^-12, without floating-point arithmetic. INVALID_RECORD naming the field. */
export function readMoney(value: unknown, field: string): bigint {
  const isNumber = typeof value === "number";
  if (!isNumber && typeof value !== "string") throw wrongType(field, RULE, value);
  const refusal = () => invalid(field, isNumber && !Number.isInteger(value) ? FLOAT_RULE : RULE);
  const text = isNumber ? String(value) : value;
  const parts = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(text);
  if (parts === null) throw refusal();
  const [, integer = "", fraction = "", exponent] = parts;
  // Only `String(number)` writes exponents; as text they are no decimal.
  if (exponent !== undefined && !isNumber) throw refusal();
  const shift = DECIMALS - fraction.length + Number(exponent ?? 0);
  if (shift < 0 || integer.length + fraction.length + shift > 2 * (INTEGER_DIGITS + DECIMALS)) {
    throw refusal();
  }
  const units = BigInt(integer + fraction) * 10n ** BigInt(shift);
  if (units >= MAX_UNITS) throw refusal();
  return units;
}

/** The same, also below zero. */
export function readSignedMoney(value: unknown, field: string): bigint {
  if (typeof value === "number" && value < 0) return -readMoney(-value, field);
  if (typeof value === "string" && value.startsWith("-")) return -readMoney(value.slice(1), field);
  return readMoney(value, field);
}

/**
 * The decimal nearest to a float, with 12 digits behind the point: for a cost that a gateway has calculated, such as
 * `1.8500000000000002e-5`. Where you know the tokens and the price, `priceOf` is exact. INVALID_RECORD.
 *
 * @example
 * ```ts
 * import { moneyFrom } from "groundstate/ledger";
 *
 * console.log(moneyFrom(0.1 + 0.2)); // 0.3
 * ```
 */
export function moneyFrom(float: number): Money {
  if (typeof float !== "number") throw wrongType("money", "a number", float);
  if (!Number.isFinite(float) || float < 0 || float >= 10 ** INTEGER_DIGITS) throw invalid("money", RULE);
  return formatMoney(readMoney(float.toFixed(DECIMALS), "money"));
}

/** The shortest decimal for the amount. */
export function formatMoney(units: bigint): Money {
  const sign = units < 0n ? "-" : "";
  const size = units < 0n ? -units : units;
  const fraction = String(size % UNIT)
    .padStart(DECIMALS, "0")
    .replace(/0+$/, "");
  return `${sign}${size / UNIT}${fraction && "."}${fraction}`;
}
