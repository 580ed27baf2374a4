import { StateError } from "../contract/errors.js";
import type { EntryValues, StoredEntry } from "./entry.js";
import type { ExactQuantities } from "./quantity.js";
import { TOKEN_COUNTS, type TokenCounts } from "./usage.js";

/**
 * What two components know together of the same answer: a gateway its tokens and its price, an agent its turn and its tags.
 * A count of 0 and a missing price are what a component does not know. What was recorded first stays where both know the
 * same field; if they know it differently, IDEMPOTENCY_CONFLICT names the field. Of a call that was corrected, the values
 * stay as they are.
 */
export function mergedEntry(recorded: StoredEntry, again: StoredEntry): StoredEntry {
  if (recorded.model !== again.model) throw contradiction("model");
  const values = recorded.corrected === undefined ? mergedValues(recorded, again) : {};
  const merged = {
    ...recorded,
    ...values,
    ...labelOf("turn", recorded, again),
    ...labelOf("runName", recorded, again),
    tags: mergedTags(recorded.tags, again.tags),
  };
  if (!merged.priced || recorded.priced || merged.charged === undefined) return merged;
  const { charged: _, ...priced } = merged;
  return priced;
}

/** Whether the two hold the same. */
export function isSameEntry(a: StoredEntry, b: StoredEntry): boolean {
  return textOf(a) === textOf(b);
}

function textOf(entry: StoredEntry): string {
  const sorted = Object.entries(entry).sort(([one], [other]) => (one < other ? -1 : 1));
  return JSON.stringify(sorted, (_, value) => (typeof value === "bigint" ? String(value) : value));
}

function mergedValues(recorded: EntryValues, again: EntryValues): Partial<EntryValues> {
  const counts = TOKEN_COUNTS.map((count) => {
    const [first, second] = [recorded[count], again[count]];
    if (first !== second && first !== 0 && second !== 0) throw contradiction(count);
    return [count, first === 0 ? second : first];
  });
  const units = mergedUnits(recorded.units, again.units);
  return {
    ...(Object.fromEntries(counts) as TokenCounts),
    ...mergedPrice(recorded, again),
    ...(units && { units }),
  };
}

function mergedPrice(recorded: EntryValues, again: EntryValues): Partial<EntryValues> {
  const { cost, currency, charged } = again;
  if (!again.priced) {
    if (charged === undefined || recorded.priced || recorded.charged !== undefined) return {};
    return { charged, ...(currency === undefined ? {} : { currency }) };
  }
  if (recorded.priced) {
    if (recorded.currency !== currency) throw contradiction("currency");
    if (recorded.cost !== cost) throw contradiction("cost");
    return {};
  }
  // Its charge would stay in the other currency.
  if (recorded.charged !== undefined && recorded.currency !== currency) throw contradiction("currency");
  return {
    cost,
    priced: true,
    ...(currency === undefined ? {} : { currency }),
  };
}

function mergedUnits(
  recorded: ExactQuantities | undefined,
  again: ExactQuantities | undefined,
): ExactQuantities | undefined {
  if (recorded === undefined || again === undefined) return recorded ?? again;
  const units = new Map(Object.entries(recorded));
  for (const [name, quantity] of Object.entries(again)) {
    const known = units.get(name) ?? 0n;
    if (known !== quantity && known !== 0n && quantity !== 0n) throw contradiction(`units.${name}`);
    if (known === 0n) units.set(name, quantity);
  }
  return Object.fromEntries([...units].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function mergedTags(recorded: StoredEntry["tags"], again: StoredEntry["tags"]): StoredEntry["tags"] {
  const tags = new Map(recorded);
  for (const [name, value] of again) {
    const known = tags.get(name);
    if (known !== undefined && known !== value) throw contradiction(`tags.${name}`);
    tags.set(name, value);
  }
  return [...tags].sort(([a], [b]) => (a < b ? -1 : 1));
}

function labelOf<F extends "turn" | "runName">(
  field: F,
  recorded: StoredEntry,
  again: StoredEntry,
): Pick<StoredEntry, F> | Record<never, never> {
  const [first, second] = [recorded[field], again[field]];
  if (first !== undefined && second !== undefined && first !== second) throw contradiction(field);
  const known = first ?? second;
  return known === undefined ? {} : { [field]: known };
}

function contradiction(field: string): StateError<"IDEMPOTENCY_CONFLICT"> {
  return new StateError(
    "IDEMPOTENCY_CONFLICT",
    `another model call was recorded under this response id: its ${field} differs`,
    { details: { change: 0, field } },
  );
}
