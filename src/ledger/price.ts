import { invalid } from "../contract/errors.js";
import { readInteger, readNamed, readObject } from "../validation/validate.js";
import { formatMoney, type Money, type MoneyInput, readMoney } from "./money.js";

/** Counts of tokens by kind with the price of a million of each kind, or one count with one price. */
export type PriceInput =
  | { readonly tokens: number; readonly perMillion: MoneyInput }
  | {
      /** An `undefined` count is 0. */
      readonly tokens: Readonly<Record<string, number | undefined>>;
      /** Every kind with tokens must have a price. */
      readonly perMillion: Readonly<Record<string, MoneyInput>>;
    };

const MILLION = 1_000_000n;

/**
 * Calculates the exact cost of tokens: `priceOf({ tokens: { promptTokens: 1200, completionTokens: 300 }, perMillion: {
 * promptTokens: "0.15", completionTokens: "0.6" } })` is `"0.00036"`. Prices have at most 6 digits behind the point, so
 * that `cost` takes every result. A number as a price stands for the decimal that `String` makes of it. INVALID_RECORD
 * naming the kind of token.
 */
export function priceOf(input: PriceInput): Money {
  const { tokens, perMillion } = readNamed(input, "price", ["tokens", "perMillion"]) as PriceInput;
  if (typeof tokens !== "object") return moneyOf(costOf(tokens, perMillion, "perMillion"));
  const prices = readObject(perMillion, "perMillion") as Readonly<Record<string, MoneyInput>>;
  let sum = 0n;
  for (const [kind, count] of Object.entries(readObject(tokens, "tokens"))) {
    if (count === undefined || count === 0) continue;
    if (!Object.hasOwn(prices, kind)) throw invalid(`perMillion.${kind}`, "given, for such tokens were used");
    sum += costOf(count, prices[kind], `perMillion.${kind}`);
  }
  return moneyOf(sum);
}

/** Refuses a sum that is too large for `cost`. */
function moneyOf(sum: bigint): Money {
  const price = formatMoney(sum);
  readMoney(price, "price");
  return price;
}

function costOf(tokens: unknown, perMillion: unknown, field: string): bigint {
  const count = readInteger(tokens, "tokens", 0, Number.MAX_SAFE_INTEGER);
  const price = readMoney(perMillion, field);
  if (price % MILLION !== 0n) throw invalid(field, "a decimal with at most 6 digits behind the point");
  return BigInt(count) * (price / MILLION);
}
