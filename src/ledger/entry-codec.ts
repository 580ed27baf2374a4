import { invalid } from "../contract/errors.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional } from "../validation/fields.js";
import { readBoolean, readInteger, readObject } from "../validation/validate.js";
import { readStoredWarnings } from "./budget-warning.js";
import { readCurrency } from "./currency.js";
import { type EntryValues, readEntry, readLabel, readReason, type StoredEntry } from "./entry.js";
import { formatMoney, readSignedMoney } from "./money.js";
import { formatQuantities, readQuantities } from "./quantity.js";
import { TOKEN_COUNTS, type TokenCounts } from "./usage.js";

/** Version 0 had no units, currencies and corrections. */
export const ENTRY_CODEC = mappedJson<StoredEntry>({
  version: 1,
  write: ({ corrected, ...entry }) =>
    ({
      ...entry,
      ...writeValues(entry),
      ...(corrected && { corrected: { ...corrected, ...writeValues(corrected) } }),
    }) as unknown as JsonValue,
  read(value) {
    const stored = readObject(value, "entry") as Record<string, unknown>;
    const { session, run, reservation, also, alsoUnder, tags, at, ...rest } = stored;
    const { adjusts, reason, unpricedCalls, corrected, warnings, charged: _, ...given } = rest;
    const owner = defined({ session, run, reservation });
    const names = { ...given, at: new Date(at as number), tags: Object.fromEntries(tags as []) };
    const entry = readEntry(withoutValues(names), owner, Number.NaN);
    if (also !== undefined && also !== true) throw invalid("also", "true");
    return {
      ...entry,
      ...readValues(rest, adjusts === undefined ? 0 : Number.MIN_SAFE_INTEGER),
      ...optional(defined({ adjusts }), "adjusts", readLabel),
      ...optional(defined({ reason }), "reason", readReason),
      ...(unpricedCalls === undefined ? {} : { unpricedCalls: readPriceChange(unpricedCalls) }),
      ...(corrected === undefined ? {} : { corrected: readValues(readObject(corrected, "corrected"), 0) }),
      ...(warnings === undefined ? {} : { warnings: readStoredWarnings(warnings) }),
      ...(also === undefined ? {} : { also }),
      ...(alsoUnder === undefined ? {} : { alsoUnder: readHashes(alsoUnder) }),
    };
  },
});

function writeValues({ cost, units, charged }: EntryValues) {
  return {
    cost: formatMoney(cost),
    ...(units && { units: formatQuantities(units) }),
    ...(charged === undefined ? {} : { charged: formatMoney(charged) }),
  };
}

/** Reads the values of an entry, or of a correction, which may be below 0. */
function readValues(value: object, least: number): EntryValues {
  const given = value as Record<string, unknown>;
  const counts = TOKEN_COUNTS.map((count) => [
    count,
    readInteger(given[count], count, least, Number.MAX_SAFE_INTEGER),
  ]);
  const sign = least < 0 ? "signed" : "unsigned";
  const money = (amount: unknown, field: string) => {
    const exact = readSignedMoney(amount, field);
    if (exact < 0n && sign === "unsigned") throw invalid(field, "0 or more");
    return exact;
  };
  return {
    ...(Object.fromEntries(counts) as TokenCounts),
    cost: money(given.cost, "cost"),
    priced: readBoolean(given.priced, "priced"),
    ...optional(given, "currency", readCurrency),
    ...optional(given, "units", (units) => readQuantities(units, sign)),
    ...optional(given, "charged", money),
  };
}

function withoutValues(given: Record<string, unknown>): Record<string, unknown> {
  const values: readonly string[] = [...TOKEN_COUNTS, "cost", "priced", "currency", "units"];
  return Object.fromEntries(Object.entries(given).filter(([name]) => !values.includes(name)));
}

function defined<N extends string>(given: { readonly [K in N]?: unknown }): { readonly [K in N]?: unknown } {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { readonly [K in N]?: unknown };
}

function readPriceChange(value: unknown): -1 | 1 {
  if (value !== 1 && value !== -1) throw invalid("unpricedCalls", "1 or -1");
  return value;
}

function readHashes(value: unknown): string[] {
  if (!Array.isArray(value)) throw invalid("alsoUnder", "an array");
  return value.map((hash) => readLabel(hash, "alsoUnder"));
}
