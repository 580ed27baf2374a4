import { invalid } from "../contract/errors.js";
import type { EventId, Identity } from "../contract/store.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { readDate, readInteger, readNamed, readObject } from "../validation/validate.js";
import { readEventId, readText } from "../validation/validate-text.js";
import { timeKeyOfEntry } from "./entry-id.js";
import { formatMoney, type Money, type MoneyInput, readMoney } from "./money.js";
import { type Sums, TOKEN_COUNTS, type TokenCounts } from "./usage.js";

/** Counts of tokens as providers give them: one that is missing or `undefined` is 0. */
export type GivenCounts = { readonly [K in keyof TokenCounts]?: number | undefined };

/** One model call, as it is recorded. */
export interface NewLedgerEntry extends GivenCounts {
  /** 1 to 255 UTF-8 bytes, like all names here. */
  readonly provider: string;
  /** The model that was called. */
  readonly model: string;
  /** What the call cost, such as `priceOf` says. Left out when its price is not known. */
  readonly cost?: MoneyInput;
  /** Whether the price was known. Default: whether there is a cost. */
  readonly priced?: boolean;
  /** The provider's own id of its answer: recorded once, whichever component records it. */
  readonly responseId?: string;
  /** Which turn of the run it was, 0 or more. */
  readonly turn?: number;
  /** What the run is called; many runs may share a name. */
  readonly runName?: string;
  /** Up to 16, to summarize by: `{ team: "search" }`. Names of at most 64 bytes. */
  readonly tags?: Readonly<Record<string, string>>;
  /** When the call was made, in the years 1 to 9999. Default now. */
  readonly at?: Date;
  /** The caller's idempotency key: recorded once, however often it is sent. */
  readonly eventId?: EventId;
}

/** One model call, as it was recorded. What `forget` removed is missing. */
export interface LedgerEntry extends TokenCounts {
  /** Its place in the order of time, and what it is told from others by. */
  readonly id: string;
  /** Who pays. */
  readonly tenant: string;
  /** Who called; `~` once the user was forgotten. */
  readonly user: string;
  /** The session of the call. */
  readonly session?: string;
  /** The run of the call. */
  readonly run?: string;
  /** Who answered. */
  readonly provider: string;
  /** The model that was called. */
  readonly model: string;
  /** What the call cost; `"0"` when its price is not known. */
  readonly cost: Money;
  /** Whether the price was known. */
  readonly priced: boolean;
  /** The provider's own id of its answer. */
  readonly responseId?: string;
  /** Which turn of the run it was. */
  readonly turn?: number;
  /** What the run is called. */
  readonly runName?: string;
  /** What it can be summarized by. */
  readonly tags: Readonly<Record<string, string>>;
  /** When the call was made. */
  readonly at: Date;
  /** The idempotency key that it was recorded under. */
  readonly eventId?: EventId;
  /** The one it settled. */
  readonly reservation?: string;
}

/** A checked entry: money exact, time in milliseconds, and whose it is but for the tenant and user it lies under. */
export interface StoredEntry extends TokenCounts {
  readonly session?: string;
  readonly run?: string;
  readonly provider: string;
  readonly model: string;
  readonly cost: bigint;
  readonly priced: boolean;
  readonly responseId?: string;
  readonly turn?: number;
  readonly runName?: string;
  readonly tags: readonly (readonly [name: string, value: string])[];
  readonly at: number;
  readonly eventId?: EventId;
  /** The one it settled. */
  readonly reservation?: string;
  /** It was sent again under ids that are not its own: links lead to their markers, which name it too. */
  readonly also?: true;
  /** The same as it was before links: the hashes of such ids. */
  readonly alsoUnder?: readonly string[];
}

const ENTRY_FIELDS = [
  "provider",
  "model",
  ...TOKEN_COUNTS,
  "cost",
  "priced",
  "responseId",
  "turn",
  "runName",
  "tags",
  "at",
  "eventId",
];
/** A call of more is a mistake, and nine million of these still add up exactly. */
const MAX_TOKENS = 1_000_000_000;
const MAX_TAGS = 16;
const MAX_TAG_NAME_BYTES = 64;
const MAX_LABEL_BYTES = 255;

/** Whose entry it is, below tenant and user. */
interface Owner {
  readonly session?: unknown;
  readonly run?: unknown;
  readonly reservation?: unknown;
}

/** An entry checked and copied. What is there and undefined was forgotten: INVALID_RECORD, naming the field. */
export function readEntry(value: unknown, owner: Owner, now: number): StoredEntry {
  const given = readNamed(value, "entry", ENTRY_FIELDS) as Record<string, unknown>;
  const cost = "cost" in given ? readMoney(given.cost, "cost") : undefined;
  const priced = "priced" in given ? given.priced : cost !== undefined;
  if (typeof priced !== "boolean") throw invalid("priced", "true or false");
  if (priced && cost === undefined) throw invalid("cost", "given where the price was known");
  if (!priced && (cost ?? 0n) > 0n) throw invalid("cost", "left out where the price was not known");
  return {
    ...optional(owner, "session", readLabel),
    ...optional(owner, "run", readLabel),
    provider: readLabel(given.provider, "provider"),
    model: readLabel(given.model, "model"),
    ...readTokens(given),
    cost: cost ?? 0n,
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

/** A name that is summarized by. */
export function readLabel(value: unknown, field: string): string {
  if (value === "" || value === undefined || value === null)
    throw invalid(field, "a string that is not empty");
  return readText(value, field, MAX_LABEL_BYTES);
}

/** What a call adds to the sums. */
export function sumsOf(entry: StoredEntry): Sums {
  const { promptTokens, completionTokens, cachedReadTokens, cachedWriteTokens, cost, priced } = entry;
  const tokens = { promptTokens, completionTokens, cachedReadTokens, cachedWriteTokens };
  return { calls: 1, unpricedCalls: priced ? 0 : 1, ...tokens, cost };
}

/** An entry as it is handed out. */
export function entryOf({ tenant, user }: Identity, id: string, stored: StoredEntry): LedgerEntry {
  const { cost, at, tags, also: _, alsoUnder: __, ...rest } = stored;
  return {
    id: timeKeyOfEntry(id),
    tenant,
    user,
    ...rest,
    cost: formatMoney(cost),
    tags: Object.fromEntries(tags),
    at: new Date(at),
  };
}

export const ENTRY_CODEC = mappedJson<StoredEntry>({
  write: (entry) => ({ ...entry, cost: formatMoney(entry.cost) }) as unknown as JsonValue,
  read(value) {
    const stored = readObject(value, "entry") as Record<string, unknown>;
    const { session, run, reservation, also, alsoUnder, tags, at, ...rest } = stored;
    const given = { ...rest, at: new Date(at as number), tags: Object.fromEntries(tags as []) };
    if (rest.priced === false) delete (given as { cost?: unknown }).cost;
    const owner = Object.fromEntries(
      Object.entries({ session, run, reservation }).filter(([, name]) => name !== undefined),
    );
    const entry = readEntry(given, owner, Number.NaN);
    if (also !== undefined && also !== true) throw invalid("also", "true");
    return {
      ...entry,
      ...(also === undefined ? {} : { also }),
      ...(alsoUnder === undefined ? {} : { alsoUnder: readHashes(alsoUnder) }),
    };
  },
});

function readHashes(value: unknown): string[] {
  if (!Array.isArray(value)) throw invalid("alsoUnder", "an array");
  return value.map((hash) => readLabel(hash, "alsoUnder"));
}

function readTokens(given: Record<string, unknown>): TokenCounts {
  const counts = TOKEN_COUNTS.map((count) => [
    count,
    given[count] === undefined ? 0 : readInteger(given[count], count, 0, MAX_TOKENS),
  ]);
  return Object.fromEntries(counts) as TokenCounts;
}

function readTags(value: unknown): StoredEntry["tags"] {
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

function optional<T, F extends string>(
  given: { readonly [K in F]?: unknown },
  field: F,
  read: (value: unknown, field: string) => T,
): Record<string, T> {
  return field in given ? { [field]: read(given[field], field) } : {};
}
