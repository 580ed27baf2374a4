import { invalid } from "../contract/errors.js";
import { readInteger, readNamed, readObject } from "../validation/validate.js";
import { formatMoney, type Money, type MoneyInput, readMoney } from "./money.js";

/** Counts of tokens by kind, and what a million of each costs; or one kind alone. */
export type PriceInput =
  | { readonly tokens: number; readonly perMillion: MoneyInput }
  | {
      /** One that is `undefined` counts as 0. */
      readonly tokens: Readonly<Record<string, number | undefined>>;
      /** Every kind that was used has a price. */
      readonly perMillion: Readonly<Record<string, MoneyInput>>;
    };

const MILLION = 1_000_000n;

/**
 * What tokens cost, exactly: `priceOf({ tokens: { promptTokens: 1200, completionTokens: 300 }, perMillion: {
 * promptTokens: "0.15", completionTokens: "0.6" } })` is `"0.00036"`. Prices have at most 6 digits behind the point, so
 * that every sum is one that `cost` takes. A price may be a number, which stands for the decimal that `String` makes of
 * it. INVALID_RECORD naming the kind of token.
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

/** One that is too large is refused as it is where it is recorded. */
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
