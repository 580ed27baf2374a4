import { compareText } from "../rules/order.js";
import type { Rollup } from "./cells.js";
import { addSums, corruptIfInexact, NO_USAGE, type Sums, tokensOf, type Usage, usageOf } from "./usage.js";

/** The usage of one group of a summary. */
export interface UsageGroup extends Usage {
  /** The group's name; `null` for runs without a name and sessions that were forgotten. */
  readonly key: string | null;
  /** The user of a session's group. */
  readonly user?: string;
}

/** The usage of a tenant in a period. */
export interface UsageSummary {
  /** The groups, by cost and then by tokens, the highest first. */
  readonly groups: readonly UsageGroup[];
  /** The sum of all groups. */
  readonly total: Usage;
}

/** Adds up rollups and entries by group. */
export class UsageGroups {
  readonly #groups = new Map<string, Rollup>();

  add({ key, user, sums }: Rollup): void {
    const id = idOf(key, user);
    const before = this.#groups.get(id);
    this.#groups.set(
      id,
      before
        ? { ...before, sums: corruptIfInexact(() => addSums(before.sums, sums)) }
        : rollupOf(key, user, sums),
    );
  }

  /** The sums of the group with this name, and this user where a session is meant. */
  sumsOf(key: string, user?: string): Sums {
    return this.#groups.get(idOf(key, user))?.sums ?? NO_USAGE;
  }

  /** The sums of all groups. */
  total(): Sums {
    const rollups = [...this.#groups.values()];
    return rollups.reduce((sum, { sums }) => corruptIfInexact(() => addSums(sum, sums)), NO_USAGE);
  }

  summary(): UsageSummary {
    const rollups = [...this.#groups.values()].sort(byCost);
    const groups = rollups.map(({ key = null, user, sums }) => ({
      key,
      ...(user === undefined ? {} : { user }),
      ...usageOf(sums),
    }));
    return { groups, total: usageOf(this.total()) };
  }
}

function idOf(key: string | undefined, user: string | undefined): string {
  return JSON.stringify([key, user]);
}

function rollupOf(key: string | undefined, user: string | undefined, sums: Sums): Rollup {
  return { ...(key === undefined ? {} : { key }), ...(user === undefined ? {} : { user }), sums };
}

/** The highest cost first. Equal groups are ordered by name, so that the order is deterministic. */
function byCost(a: Rollup, b: Rollup): number {
  if (a.sums.cost !== b.sums.cost) return a.sums.cost > b.sums.cost ? -1 : 1;
  return (
    tokensOf(b.sums) - tokensOf(a.sums) ||
    compareText(a.key ?? "", b.key ?? "") ||
    compareText(a.user ?? "", b.user ?? "")
  );
}
