import { invalid, wrongType } from "../contract/errors.js";

const RULE = "three capital letters, as in ISO 4217: EUR";

/** Reads the code of a currency. */
export function readCurrency(value: unknown, field = "currency"): string {
  if (typeof value !== "string") throw wrongType(field, RULE, value);
  if (!/^[A-Z]{3}$/.test(value)) throw invalid(field, RULE);
  return value;
}

/** The key of a cost among amounts and sums: `cost` without a currency, `cost.EUR` with one. */
export function costKey(currency: string | undefined): "cost" | `cost.${string}` {
  return currency === undefined ? "cost" : `cost.${currency}`;
}

/** The currency that the key of a cost names. */
export function currencyOf(key: string): string | undefined {
  const [, currency] = key.split(".", 2);
  return currency;
}
