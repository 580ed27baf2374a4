import { invalid } from "../contract/errors.js";
import { optional } from "../validation/fields.js";
import { readInteger, readNamed } from "../validation/validate.js";
import { readCurrency } from "./currency.js";
import type { EntryValues, GivenCounts, StoredEntry } from "./entry.js";
import { type MoneyInput, readMoney, readSignedMoney } from "./money.js";
import { type ExactQuantities, type Quantities, readQuantities } from "./quantity.js";
import { TOKEN_COUNTS, type TokenCounts } from "./usage.js";

/** Values of a correction: differences, which may be negative, or the right values. */
export interface CorrectionValues extends GivenCounts {
  /** Money; as a difference it may be negative. */
  readonly cost?: MoneyInput;
  /** The currency of a price that was not known. One that is known keeps its currency. */
  readonly currency?: string;
  /** Quantities by name. A name that is left out stays as it is. */
  readonly units?: Quantities;
}

/** The values of a correction, checked. */
export interface ReadValues extends Partial<TokenCounts> {
  readonly cost?: bigint;
  readonly currency?: string;
  readonly units?: ExactQuantities;
}

const MAX_COUNT = 1_000_000_000;

export function readCorrectionValues(value: unknown, field: "by" | "to"): ReadValues {
  const given = readNamed(value, field, [...TOKEN_COUNTS, "cost", "currency", "units"]) as CorrectionValues;
  const least = field === "by" ? -MAX_COUNT : 0;
  const counts = TOKEN_COUNTS.filter((count) => given[count] !== undefined).map((count) => [
    count,
    readInteger(given[count], count, least, MAX_COUNT),
  ]);
  if ("currency" in given && field === "by")
    throw invalid("currency", "left out where there are differences");
  return {
    ...(Object.fromEntries(counts) as Partial<TokenCounts>),
    ...optional(given, "cost", field === "by" ? readSignedMoney : readMoney),
    ...optional(given, "currency", readCurrency),
    ...optional(given, "units", (units) => readQuantities(units, field === "by" ? "signed" : "unsigned")),
  };
}

/** The same for the same values, in whatever order they were given. */
export function textOf({ cost, currency, units = {}, ...counts }: ReadValues): string {
  const named = Object.entries(units).map(([name, quantity]) => [name, String(quantity)]);
  return JSON.stringify([TOKEN_COUNTS.map((count) => counts[count]), String(cost), currency, named]);
}

export function valuesOf(entry: StoredEntry): EntryValues {
  const { promptTokens, completionTokens, cachedReadTokens, cachedWriteTokens } = entry;
  const { cost, currency, priced, units, charged } = entry;
  return {
    ...{ promptTokens, completionTokens, cachedReadTokens, cachedWriteTokens },
    cost,
    priced,
    ...(currency === undefined ? {} : { currency }),
    ...(units && { units }),
    ...(charged === undefined ? {} : { charged }),
  };
}

/** The values with the differences added. None may fall below 0. */
export function differing(known: EntryValues, { cost, units, ...counts }: ReadValues): EntryValues {
  if (cost !== undefined && !known.priced)
    throw invalid("cost", "given with `to`, for the price of the call is not known");
  const sums = TOKEN_COUNTS.map((count) => [
    count,
    notBelowNothing(known[count] + (counts[count] ?? 0), count),
  ]);
  const names = Object.entries(units ?? {}).map(([name, difference]): [string, bigint] => [
    name,
    notBelowNothing((own(known.units, name) ?? 0n) + difference, `units.${name}`),
  ]);
  return {
    ...known,
    ...(Object.fromEntries(sums) as TokenCounts),
    cost: notBelowNothing(known.cost + (cost ?? 0n), "cost"),
    ...withUnits(known.units, names),
  };
}

/** The values with some replaced. A cost is a price that is known now. */
export function replaced(known: EntryValues, { cost, units, currency, ...counts }: ReadValues): EntryValues {
  if (currency !== undefined && cost === undefined) throw invalid("cost", "given where there is a currency");
  const isFixed = known.priced || known.charged !== undefined;
  if (currency !== undefined && isFixed && currency !== known.currency)
    throw invalid("currency", `${known.currency ?? "left out"}, as the call has it`);
  const { charged, ...kept } = known;
  const priced = {
    ...kept,
    cost: cost ?? 0n,
    priced: true,
    ...(currency === undefined ? {} : { currency }),
  };
  return {
    ...(cost === undefined ? known : priced),
    ...counts,
    ...withUnits(known.units, Object.entries(units ?? {})),
  };
}

function withUnits(
  known: ExactQuantities | undefined,
  changed: readonly (readonly [string, bigint])[],
): { readonly units?: ExactQuantities } {
  const units = Object.entries({ ...known, ...Object.fromEntries(changed) });
  return units.length === 0 ? {} : { units: Object.fromEntries(units) };
}

/** What changes, as the values of a correction; `undefined` if nothing does. */
export function differenceOf(
  before: EntryValues,
  after: EntryValues,
): (EntryValues & Pick<StoredEntry, "unpricedCalls">) | undefined {
  const counts = TOKEN_COUNTS.map((count) => [count, after[count] - before[count]] as const);
  const cost = after.cost - before.cost;
  const charged = (after.charged ?? 0n) - (before.charged ?? 0n);
  const names = Object.keys({ ...before.units, ...after.units });
  const units = names
    .map((name) => [name, (own(after.units, name) ?? 0n) - (own(before.units, name) ?? 0n)] as const)
    .filter(([, difference]) => difference !== 0n);
  const isPriced = after.priced && !before.priced;
  const isSame = cost === 0n && charged === 0n && units.length === 0 && !isPriced;
  if (isSame && counts.every(([, difference]) => difference === 0)) return undefined;
  return {
    ...(Object.fromEntries(counts) as Record<keyof TokenCounts, number>),
    cost,
    priced: after.priced,
    ...(after.currency === undefined ? {} : { currency: after.currency }),
    ...(units.length === 0 ? {} : { units: Object.fromEntries(units) }),
    ...(charged === 0n ? {} : { charged }),
    ...(isPriced ? { unpricedCalls: -1 } : {}),
  };
}

function own(units: ExactQuantities | undefined, name: string): bigint | undefined {
  return units !== undefined && Object.hasOwn(units, name) ? units[name] : undefined;
}

function notBelowNothing<N extends number | bigint>(sum: N, field: string): N {
  if (sum < 0) throw invalid(field, "no less than what the call has, so that 0 or more is left");
  return sum;
}
