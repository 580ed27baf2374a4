import { compareText } from "../rules/order.js";
import type { Rollup } from "./cells.js";
import { addSums, corruptIfInexact, NO_USAGE, type Sums, tokensOf, type Usage, usageOf } from "./usage.js";

/** What one group of a summary used. */
export interface UsageGroup extends Usage {
  /** What the group is called; `null` for what has no such name: runs without one, sessions that were forgotten. */
  readonly key: string | null;
  /** Of a session, whose it is. */
  readonly user?: string;
}

/** What a tenant used in a period. */
export interface UsageSummary {
  /** The one with the highest cost first, then by tokens. */
  readonly groups: readonly UsageGroup[];
  /** Of all groups together. */
  readonly total: Usage;
}

/** Adds up rollups and entries by what they are called. */
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

  /** What a group with this name and no user comes to. */
  sumsOf(key: string): Sums {
    return this.#groups.get(idOf(key, undefined))?.sums ?? NO_USAGE;
  }

  summary(): UsageSummary {
    const rollups = [...this.#groups.values()].sort(byCost);
    const total = rollups.reduce((sum, { sums }) => corruptIfInexact(() => addSums(sum, sums)), NO_USAGE);
    const groups = rollups.map(({ key = null, user, sums }) => ({
      key,
      ...(user === undefined ? {} : { user }),
      ...usageOf(sums),
    }));
    return { groups, total: usageOf(total) };
  }
}

function idOf(key: string | undefined, user: string | undefined): string {
  return JSON.stringify([key, user]);
}

function rollupOf(key: string | undefined, user: string | undefined, sums: Sums): Rollup {
  return { ...(key === undefined ? {} : { key }), ...(user === undefined ? {} : { user }), sums };
}

/** The larger first; equal ones in the order of their names, so that a summary is always the same. */
function byCost(a: Rollup, b: Rollup): number {
  if (a.sums.cost !== b.sums.cost) return a.sums.cost > b.sums.cost ? -1 : 1;
  return (
    tokensOf(b.sums) - tokensOf(a.sums) ||
    compareText(a.key ?? "", b.key ?? "") ||
    compareText(a.user ?? "", b.user ?? "")
  );
}
