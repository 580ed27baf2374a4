import { invalid } from "../contract/errors.js";
import { compareText } from "../rules/order.js";
import { costKey } from "./currency.js";
import { addSums, corruptIfInexact, NO_USAGE, type Sums, tokensOf, type Usage, usageOf } from "./usage.js";

/** The usage of one group of a summary. */
export interface UsageGroup extends Usage {
  /** The group's name, the first of its `keys`; `null` for runs without a name and sessions that were forgotten. */
  readonly key: string | null;
  /** The names of the group, one for each thing that the summary groups by. */
  readonly keys: readonly (string | null)[];
  /** The user of a session's or run's group. */
  readonly user?: string;
  /** The session of a run's group. */
  readonly session?: string;
}

/** The usage of a period. */
export interface UsageSummary {
  /** The groups, sorted as was asked for. Those that are equal in this are sorted by their names. */
  readonly groups: readonly UsageGroup[];
  /** How many groups there are, those beyond `limit` included. */
  readonly groupCount: number;
  /** The sum of all groups, those beyond `limit` included. */
  readonly total: Usage;
}

/** The names of a group. */
export interface GroupNames {
  readonly keys: readonly (string | undefined)[];
  readonly user?: string;
  readonly session?: string;
}

/** How groups are sorted, and how many are wanted. */
export interface GroupOrder {
  readonly orderBy: "cost" | "calls" | "tokens" | "time";
  readonly order: "asc" | "desc";
  /** Which of the keys is a time. */
  readonly time: number;
  readonly currency: string | undefined;
  readonly limit: number | undefined;
}

interface Group extends GroupNames {
  sums: Sums;
}

/** The groups of a summary are held in memory: about 60 MB for so many. */
const MAX_GROUPS = 100_000;

/** Adds up usage by group. */
export class UsageGroups {
  readonly #groups = new Map<string, Group>();
  #total = NO_USAGE;

  /** INVALID_RECORD where there would be too many groups. */
  add(names: GroupNames, sums: Sums): void {
    const { keys, user, session } = names;
    const id = JSON.stringify([user, session, ...keys]);
    const before = this.#groups.get(id);
    if (before !== undefined) before.sums = corruptIfInexact(() => addSums(before.sums, sums));
    else this.#groups.set(id, { ...names, sums });
    if (this.#groups.size > MAX_GROUPS)
      throw invalid("by", `something that makes at most ${MAX_GROUPS} groups of these calls`);
    this.#total = corruptIfInexact(() => addSums(this.#total, sums));
  }

  /** The sums of all groups. */
  total(): Sums {
    return this.#total;
  }

  summary(wanted: GroupOrder): UsageSummary {
    const sorted = [...this.#groups.values()].sort(comparing(wanted));
    const groups = sorted.slice(0, wanted.limit).map(({ keys, sums, ...owner }) => ({
      key: keys[0] ?? null,
      keys: keys.map((key) => key ?? null),
      ...owner,
      ...usageOf(sums),
    }));
    return { groups, groupCount: this.#groups.size, total: usageOf(this.#total) };
  }
}

/** Equal groups are ordered by their names, so that the order is deterministic. */
function comparing({ orderBy, order, time, currency }: GroupOrder): (a: Group, b: Group) => number {
  const sign = order === "asc" ? 1 : -1;
  const cost = costKey(currency);
  const costOf = ({ sums }: Group) => (currency === undefined ? sums.cost : (sums.more?.[cost] ?? 0n));
  const by = {
    cost: (a: Group, b: Group) =>
      compareNumbers(costOf(a), costOf(b)) || compareNumbers(tokensOf(a.sums), tokensOf(b.sums)),
    calls: (a: Group, b: Group) => compareNumbers(a.sums.calls, b.sums.calls),
    tokens: (a: Group, b: Group) => compareNumbers(tokensOf(a.sums), tokensOf(b.sums)),
    time: (a: Group, b: Group) => compareNumbers(timeOf(a.keys[time]), timeOf(b.keys[time])),
  }[orderBy];
  return (a, b) => sign * by(a, b) || compareText(nameOf(a), nameOf(b));
}

function compareNumbers<N extends number | bigint>(a: N, b: N): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The label of an hour has its offset, that of a day is a date. */
function timeOf(label: string | undefined): number {
  return Date.parse(label ?? "");
}

function nameOf({ keys, user = "", session = "" }: Group): string {
  return [...keys.map((key) => key ?? ""), user, session].join("\0");
}
