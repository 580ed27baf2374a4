import { invalid } from "../contract/errors.js";
import type { CallOptions, StateStore } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { newEventId } from "../process/event-id.js";
import { mappedJson } from "../typed/codec.js";
import { Collection, type ItemsOptions } from "../typed/collection.js";
import type { JsonValue } from "../typed/json-value.js";
import { timeKey } from "../typed/time.js";
import { readTime } from "../validation/fields.js";
import { readInteger, readNamed, readObject, readOptions, readSignal } from "../validation/validate.js";
import { readLabel } from "./entry.js";
import { formatMoney, type Money, type MoneyInput, readMoney } from "./money.js";
import { type Period, type PeriodMs, readPeriod } from "./period.js";
import type { Reader } from "./reader.js";
import { sumUp } from "./summarize.js";
import { totalQuery } from "./summary-query.js";
import { type Sums, TOKEN_COUNTS, type TokenCounts } from "./usage.js";

/** The usage that a provider reports for a period. Only the given fields are compared. */
export interface ReportedUsage extends Partial<TokenCounts> {
  /** The cost that the provider charges. */
  readonly cost: MoneyInput;
  /** The number of calls that the provider counts. */
  readonly calls?: number;
}

/** A provider's report for a period. */
export interface ReconcileInput extends Period {
  /** The provider, as in the `provider` of the entries. */
  readonly provider: string;
  /** The usage that the provider reports. */
  readonly reported: ReportedUsage;
}

/** The amounts of a comparison. */
export interface ComparedUsage extends Partial<TokenCounts> {
  /** Money: a decimal in text. */
  readonly cost: Money;
  /** A number of model calls. */
  readonly calls?: number;
}

/** A comparison of the ledger with a provider's report. */
export interface Reconciliation extends Period {
  /** The unique id of the comparison. Ids sort by time. */
  readonly id: string;
  /** The provider. */
  readonly provider: string;
  /** The usage that the provider reported. */
  readonly reported: ComparedUsage;
  /** The usage that the ledger recorded. */
  readonly recorded: ComparedUsage;
  /** Reported minus recorded: positive if the provider counts more than was recorded. */
  readonly variance: ComparedUsage;
  /** When the comparison was made. */
  readonly at: Date;
}

/** Which reconciliations are returned. */
export type ReconciliationsOptions = Pick<ItemsOptions, "limit" | "after" | "signal">;

type Stored = Omit<Reconciliation, "id" | "at" | "since" | "until"> & PeriodMs & { readonly at: number };

const COUNTS = ["calls", ...TOKEN_COUNTS] as const;

const RECONCILIATION_CODEC = mappedJson<Stored>({
  write: (stored) => stored as unknown as JsonValue,
  read(value) {
    const given = readObject(value, "reconciliation") as Record<string, unknown>;
    const { provider, at, reported, recorded, variance, since, until } = given;
    return {
      provider: readLabel(provider, "provider"),
      ...(since === undefined ? {} : { since: readTime(since, "since") }),
      ...(until === undefined ? {} : { until: readTime(until, "until") }),
      reported: readCompared(reported, "reported"),
      recorded: readCompared(recorded, "recorded"),
      variance: readCompared(variance, "variance"),
      at: readTime(at, "at"),
    };
  },
});

const SIGNED_MONEY = /^-?\d+(\.\d{1,12})?$/;

function readCompared(value: unknown, field: string): ComparedUsage {
  const given = readObject(value, field) as Record<string, unknown>;
  const { cost } = given;
  if (typeof cost !== "string" || !SIGNED_MONEY.test(cost)) throw invalid("cost", "a decimal");
  const counts = COUNTS.filter((count) => count in given).map((count) => [
    count,
    readInteger(given[count], count, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
  ]);
  return { ...Object.fromEntries(counts), cost };
}

/** Comparisons of the ledger with providers' reports, stored under the tenant. */
export class Reconciliations {
  readonly #collection: Collection<Stored>;
  readonly #reader: Reader;
  readonly #now: () => number;

  constructor(store: StateStore, reader: Reader, now: () => number) {
    this.#collection = new Collection(store, "ledger.reconciliation", { codec: RECONCILIATION_CODEC });
    this.#reader = reader;
    this.#now = now;
  }

  async run(tenant: string, input: ReconcileInput, options: CallOptions = {}): Promise<Reconciliation> {
    readNamed(options, "options", ["signal"]);
    const given = readNamed(input, "reconciliation", [
      "provider",
      "reported",
      "since",
      "until",
    ]) as ReconcileInput;
    const provider = readLabel(given.provider, "provider");
    const { money, ...counts } = readReported(given.reported);
    const span = readPeriod(given);
    const at = this.#now();
    const query = totalQuery({ scope: { tenant }, filter: { provider } }, span);
    const used = (await sumUp(this.#reader, query, readSignal(options))).total();
    const reported = { ...counts, cost: formatMoney(money) };
    const recorded = { ...pick(counts, used), cost: formatMoney(used.cost) };
    const variance = { ...varianceOf(counts, recorded), cost: formatMoney(money - used.cost) };
    const stored = { provider, ...span, reported, recorded, variance, at };
    const id = `${timeKey(at)}.${newEventId()}`;
    await this.#collection.put(tenantIdentity(tenant), id, stored, options);
    return reconciliationOf(id, stored);
  }

  /** The newest first. */
  async list(
    tenant: string,
    options?: Pick<ItemsOptions, "limit" | "after" | "signal">,
  ): Promise<Reconciliation[]> {
    const { after, ...range } = readOptions(options, ["limit", "after", "signal"]) as ItemsOptions;
    const items = await this.#collection.list(tenantIdentity(tenant), {
      ...range,
      ...(options && "after" in options ? { before: after as string } : {}),
      reverse: true,
    });
    return items.map(({ id, value }) => reconciliationOf(id, value));
  }
}

function readReported(
  value: unknown,
): { readonly money: bigint } & Partial<Record<(typeof COUNTS)[number], number>> {
  const given = readNamed(value, "reported", ["cost", ...COUNTS]) as Record<string, unknown>;
  const counts = COUNTS.filter((count) => count in given).map((count) => [
    count,
    readInteger(given[count], count, 0, Number.MAX_SAFE_INTEGER),
  ]);
  return { money: readMoney(given.cost, "cost"), ...Object.fromEntries(counts) };
}

type Counts = Partial<Record<(typeof COUNTS)[number], number>>;

function pick(counts: Counts, used: Sums): Counts {
  return Object.fromEntries(COUNTS.filter((count) => count in counts).map((count) => [count, used[count]]));
}

function varianceOf(reported: Counts, recorded: Counts): Counts {
  const named = COUNTS.filter((count) => count in reported);
  return Object.fromEntries(named.map((count) => [count, (reported[count] ?? 0) - (recorded[count] ?? 0)]));
}

function reconciliationOf(id: string, { since, until, at, ...stored }: Stored): Reconciliation {
  return { id, ...stored, ...periodOf({ since, until }), at: new Date(at) };
}

function periodOf({ since, until }: { since?: number | undefined; until?: number | undefined }): Period {
  return {
    ...(since === undefined ? {} : { since: new Date(since) }),
    ...(until === undefined ? {} : { until: new Date(until) }),
  };
}
