import { invalid } from "../contract/errors.js";
import type { EventId, Identity } from "../contract/store.js";
import { optional } from "../validation/fields.js";
import { readDate, readInteger, readNamed, readObject } from "../validation/validate.js";
import { readEventId, readText } from "../validation/validate-text.js";
import type { StoredWarning } from "./budget-warning.js";
import { costKey, readCurrency } from "./currency.js";
import { timeKeyOfEntry } from "./entry-id.js";
import { formatMoney, type Money, type MoneyInput, readMoney } from "./money.js";
import { type ExactQuantities, formatQuantities, type Quantities, readQuantities } from "./quantity.js";
import { type Sums, TOKEN_COUNTS, type TokenCounts } from "./usage.js";

/** Counts of tokens as providers report them. An absent or `undefined` count is 0. */
export type GivenCounts = { readonly [K in keyof TokenCounts]?: number | undefined };

/** A model call to record. */
export interface NewLedgerEntry extends GivenCounts {
  /** 1 to 255 UTF-8 bytes, like all names here. */
  readonly provider: string;
  /** The model that was called. */
  readonly model: string;
  /** The cost of the call, for example from `priceOf`. Leave it out if the price is not known. */
  readonly cost?: MoneyInput;
  /** The currency of the cost, such as `"EUR"`. Sums of different currencies are kept apart. */
  readonly currency?: string;
  /**
   * What else was used, by name, such as `{ images: 2, seconds: 3.5 }`: at most 16, with up to 6 digits behind the point.
   * A tenant has at most 64 such names and currencies. They are not part of `tokens`.
   */
  readonly units?: Quantities;
  /** Whether the price was known. Default: whether there is a cost. */
  readonly priced?: boolean;
  /** The provider's id of its answer. The answer is recorded once, even if several components record it. */
  readonly responseId?: string;
  /** The number of the turn in the run, 0 or more. */
  readonly turn?: number;
  /** The name of the run; many runs may share a name. */
  readonly runName?: string;
  /** Up to 16 tags to summarize by, such as `{ team: "search" }`. Names have at most 64 bytes. */
  readonly tags?: Readonly<Record<string, string>>;
  /** When the call was made, in the years 1 to 9999. Default now. */
  readonly at?: Date;
  /** The caller's idempotency key. A call that is sent again is a duplicate. */
  readonly eventId?: EventId;
}

/** A model call that was recorded. Fields that `forget` removed are absent. */
export interface LedgerEntry extends TokenCounts {
  /** The unique id of the entry. Ids sort by time. */
  readonly id: string;
  /** Who pays. */
  readonly tenant: string;
  /** The user of the call; `~` after the user was forgotten. */
  readonly user: string;
  /** The session of the call. */
  readonly session?: string;
  /** The run of the call. */
  readonly run?: string;
  /** Who answered. */
  readonly provider: string;
  /** The model that was called. */
  readonly model: string;
  /** The cost of the call, as it was recorded; `"0"` if the price is not known. */
  readonly cost: Money;
  /** The currency of the cost, if it names one. */
  readonly currency?: string;
  /** What else was used, by name. */
  readonly units?: Quantities;
  /** Whether the price was known. */
  readonly priced: boolean;
  /** The provider's id of its answer. */
  readonly responseId?: string;
  /** The number of the turn in the run. */
  readonly turn?: number;
  /** The name of the run. */
  readonly runName?: string;
  /** The tags to summarize by. */
  readonly tags: Readonly<Record<string, string>>;
  /** When the call was made. */
  readonly at: Date;
  /** The idempotency key that it was recorded under. */
  readonly eventId?: EventId;
  /** The one it settled. */
  readonly reservation?: string;
  /** Without a price: what budgets count, the cost that was reserved. */
  readonly charged?: Money;
  /** The call's own values after its corrections. Absent if there were none. */
  readonly corrected?: CorrectedEntry;
  /** This is a correction: the id of the entry that it corrects. Its counts and its cost are differences. */
  readonly adjusts?: string;
  /** Why it was corrected. */
  readonly reason?: string;
}

/** The values of an entry after all of its corrections. */
export interface CorrectedEntry extends TokenCounts {
  /** The cost. */
  readonly cost: Money;
  /** The currency of the cost, if it names one. */
  readonly currency?: string;
  /** Whether the price is known. */
  readonly priced: boolean;
  /** What else was used, by name. */
  readonly units?: Quantities;
}

/** What an entry counts, or a correction changes. */
export interface EntryValues extends TokenCounts {
  readonly cost: bigint;
  readonly currency?: string;
  readonly priced: boolean;
  readonly units?: ExactQuantities;
  /** What budgets count in place of a price. */
  readonly charged?: bigint;
}

/** A checked entry. Money is exact, the time is in milliseconds. Tenant and user are those of the record's identity. */
export interface StoredEntry extends EntryValues {
  readonly session?: string;
  readonly run?: string;
  readonly provider: string;
  readonly model: string;
  readonly responseId?: string;
  readonly turn?: number;
  readonly runName?: string;
  readonly tags: readonly (readonly [name: string, value: string])[];
  readonly at: number;
  readonly eventId?: EventId;
  /** The one it settled. */
  readonly reservation?: string;
  /** Of a correction, whose values are differences: the time key of the entry that it corrects. */
  readonly adjusts?: string;
  /** Why it corrects. */
  readonly reason?: string;
  /** The correction gave a call its price, or took it away. */
  readonly unpricedCalls?: -1 | 1;
  /** The values after all corrections. */
  readonly corrected?: EntryValues;
  /** What its recording told of budgets, for the same call sent again. */
  readonly warnings?: readonly StoredWarning[];
  /** The call was sent again with further ids. Links lead to the markers of these ids. */
  readonly also?: true;
  /** The hashes of such ids, as older versions stored them, without links. */
  readonly alsoUnder?: readonly string[];
}

const ENTRY_FIELDS = [
  "provider",
  "model",
  ...TOKEN_COUNTS,
  "cost",
  "currency",
  "units",
  "priced",
  "responseId",
  "turn",
  "runName",
  "tags",
  "at",
  "eventId",
];
/** A call with more tokens is a mistake. The sum of nine million such calls is still exact. */
const MAX_TOKENS = 1_000_000_000;
const MAX_TAGS = 16;
const MAX_TAG_NAME_BYTES = 64;
const MAX_LABEL_BYTES = 255;
const MAX_REASON_BYTES = 1024;

/** The session, run and reservation of an entry. */
interface Owner {
  readonly session?: unknown;
  readonly run?: unknown;
  readonly reservation?: unknown;
}

/** Checks and copies an entry. A field that is present but undefined is INVALID_RECORD, naming the field. */
export function readEntry(value: unknown, owner: Owner, now: number): StoredEntry {
  const given = readNamed(value, "entry", ENTRY_FIELDS) as Record<string, unknown>;
  const cost = "cost" in given ? readMoney(given.cost, "cost") : undefined;
  const priced = "priced" in given ? given.priced : cost !== undefined;
  if (typeof priced !== "boolean") throw invalid("priced", "true or false");
  if (priced && cost === undefined) throw invalid("cost", "given where the price was known");
  if (!priced && (cost ?? 0n) > 0n) throw invalid("cost", "left out where the price was not known");
  if ("currency" in given && !priced) throw invalid("currency", "left out where the price was not known");
  return {
    ...optional(owner, "session", readLabel),
    ...optional(owner, "run", readLabel),
    provider: readLabel(given.provider, "provider"),
    model: readLabel(given.model, "model"),
    ...readTokens(given),
    cost: cost ?? 0n,
    ...optional(given, "currency", readCurrency),
    ...optional(given, "units", (units) => readQuantities(units)),
    priced,
    ...optional(given, "responseId", readLabel),
    ...optional(given, "turn", (turn, field) => readInteger(turn, field, 0, Number.MAX_SAFE_INTEGER)),
    ...optional(given, "runName", readLabel),
    tags: "tags" in given ? readTags(given.tags) : [],
    at: "at" in given ? readDate(given.at, "at") : now,
    ...optional(given, "eventId", readEventId),
    ...optional(owner, "reservation", readEventId),
  };
}

/** Reads a name that usage is summarized by. */
export function readLabel(value: unknown, field: string): string {
  if (value === "" || value === undefined || value === null)
    throw invalid(field, "a string that is not empty");
  return readText(value, field, MAX_LABEL_BYTES);
}

/** Reads why an entry is corrected. */
export function readReason(value: unknown, field = "reason"): string {
  const reason = readText(value, field, MAX_REASON_BYTES);
  if (reason === "") throw invalid(field, "a string that is not empty");
  return reason;
}

/** The sums of a single entry. A correction counts no call. */
export function sumsOf(entry: StoredEntry): Sums {
  const { adjusts, unpricedCalls = 0 } = entry;
  if (adjusts !== undefined) return { calls: 0, unpricedCalls, ...sumsOfValues(entry) };
  return { calls: 1, unpricedCalls: entry.priced ? 0 : 1, ...sumsOfValues(entry) };
}

function sumsOfValues(values: EntryValues): Omit<Sums, "calls" | "unpricedCalls"> {
  const { promptTokens, completionTokens, cachedReadTokens, cachedWriteTokens, currency } = values;
  const tokens = { promptTokens, completionTokens, cachedReadTokens, cachedWriteTokens };
  const { cost, charged = 0n, units = {} } = values;
  const named: [string, bigint][] = Object.entries(units).map(([name, count]) => [`units.${name}`, count]);
  if (currency !== undefined) named.push([costKey(currency), cost]);
  named.push([costKey(currency).replace("cost", "charged"), charged]);
  const more = named.filter(([, sum]) => sum !== 0n);
  return {
    ...tokens,
    cost: currency === undefined ? cost : 0n,
    ...(more.length === 0 ? {} : { more: Object.fromEntries(more) }),
  };
}

/** An entry as callers get it. */
export function entryOf({ tenant, user }: Identity, id: string, stored: StoredEntry): LedgerEntry {
  const { cost, at, tags, units, charged, corrected, ...others } = stored;
  const { also: _, alsoUnder: __, warnings: ___, unpricedCalls: ____, ...rest } = others;
  return {
    id: timeKeyOfEntry(id),
    tenant,
    user,
    ...rest,
    cost: formatMoney(cost),
    ...(units && { units: formatQuantities(units) }),
    ...(charged === undefined ? {} : { charged: formatMoney(charged) }),
    ...(corrected && { corrected: correctedOf(corrected) }),
    tags: Object.fromEntries(tags),
    at: new Date(at),
  };
}

function correctedOf({ cost, units, charged: _, ...rest }: EntryValues): CorrectedEntry {
  return { ...rest, cost: formatMoney(cost), ...(units && { units: formatQuantities(units) }) };
}

export function readTokens(given: Record<string, unknown>): TokenCounts {
  const counts = TOKEN_COUNTS.map((count) => [
    count,
    given[count] === undefined ? 0 : readInteger(given[count], count, 0, MAX_TOKENS),
  ]);
  return Object.fromEntries(counts) as TokenCounts;
}

export function readTags(value: unknown): StoredEntry["tags"] {
  const names = Object.keys(readObject(value, "tags"));
  if (Array.isArray(value) || names.length > MAX_TAGS) {
    throw invalid("tags", `an object of at most ${MAX_TAGS} tags`);
  }
  return names.sort().map((name) => {
    const tag = (value as Record<string, unknown>)[name];
    return [readTagName(name), readLabel(tag, "tags")];
  });
}

export function readTagName(value: unknown): string {
  const name = readLabel(value, "tags");
  if (Buffer.byteLength(name) > MAX_TAG_NAME_BYTES) {
    throw invalid("tags", `of names of at most ${MAX_TAG_NAME_BYTES} UTF-8 bytes`);
  }
  return name;
}
