import type { NewLedgerEntry, UsageGroup } from "../../dist/src/ledger/index.js";
import type { Question } from "./ledger-year.js";

const COUNTS = ["promptTokens", "completionTokens", "cachedReadTokens", "cachedWriteTokens"] as const;

type Counts = { [K in (typeof COUNTS)[number]]: number };
/** What is added up of an entry; the time in milliseconds, the cost a decimal. */
export type Entry = Pick<NewLedgerEntry, "model" | (typeof COUNTS)[number]> & {
  readonly at: number;
  readonly cost: string;
};

/** Adds entries up one by one, exactly. */
export class Tally {
  readonly #by: Question["by"];
  readonly #since: number;
  readonly #until: number;
  readonly #groups = new Map<string, Counts & { calls: number; cost: bigint }>();

  constructor({ by, since, until }: Question) {
    this.#by = by;
    this.#since = since.getTime();
    this.#until = until.getTime();
  }

  add(entry: Entry): void {
    if (entry.at < this.#since || entry.at >= this.#until) return;
    const sums = this.#group(this.#by === "model" ? entry.model : dayOf(entry.at));
    sums.calls++;
    for (const count of COUNTS) sums[count] += entry[count] ?? 0;
    sums.cost += unitsOf(entry.cost);
  }

  /** In text, so that two answers can be compared. */
  toString(): string {
    return textOf([...this.#groups].map(([key, sums]) => ({ key, ...sums })));
  }

  #group(key: string) {
    const found = this.#groups.get(key);
    if (found !== undefined) return found;
    const added = {
      calls: 0,
      promptTokens: 0,
      completionTokens: 0,
      cachedReadTokens: 0,
      cachedWriteTokens: 0,
      cost: 0n,
    };
    this.#groups.set(key, added);
    return added;
  }
}

/** The same of a summary. */
export function summaryText(groups: readonly UsageGroup[]): string {
  return textOf(groups.map((group) => ({ ...group, cost: unitsOf(group.cost) })));
}

function textOf(
  groups: readonly (Counts & {
    readonly key: string | null;
    readonly calls: number;
    readonly cost: bigint;
  })[],
): string {
  const lines = groups.map((group) =>
    [group.key, group.calls, ...COUNTS.map((count) => group[count]), group.cost].join(" "),
  );
  return lines.sort().join("\n");
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** Of 10^-12. */
function unitsOf(money: string): bigint {
  const [whole = "", fraction = ""] = money.split(".");
  return BigInt(whole + fraction.padEnd(12, "0"));
}
