import type { CallOptions } from "../contract/store.js";
import { readNamed, readOneOf, readSignal } from "../validation/validate.js";
import { type Dimension, dayOf, dayOfId, type Rollup, tagDimension } from "./cells.js";
import { readTagName, type StoredEntry, sumsOf } from "./entry.js";
import { UsageGroups } from "./groups.js";
import { type PartialDay, type Period, readPeriod, splitDays } from "./period.js";
import type { Reader } from "./reader.js";

const GROUPINGS = ["provider", "model", "day", "user", "session", "runName"] as const;

/**
 * What to group by. `day` is a day in UTC. `{ tag: "team" }` groups by the values of a tag and leaves out calls without
 * that tag.
 */
export type SummarizeBy = (typeof GROUPINGS)[number] | { readonly tag: string };

/** The options of `summarize`. */
export interface SummarizeOptions extends Period, CallOptions {
  /** What to group by. */
  readonly by: SummarizeBy;
}

/** Adds up whole days from the rollups, and partial days at both ends of the period from the entries. */
export async function summarizeUsage(
  reader: Reader,
  tenant: string,
  options: SummarizeOptions,
): Promise<UsageGroups> {
  const given = readNamed(options, "options", ["by", "since", "until", "signal"]) as SummarizeOptions;
  const by = readBy(given.by);
  const signal = readSignal(given);
  const { days, partialDays } = splitDays(readPeriod(given));
  const groups = new UsageGroups();
  if (days !== undefined) {
    const dimension = dimensionOf(by);
    for await (const { id, value } of reader.rollups(tenant, dimension, days, signal)) {
      groups.add(by === "day" ? { ...value, key: dayOfId(id) } : value);
    }
  }
  for (const partialDay of partialDays) await addPartialDay(reader, tenant, by, partialDay, groups, signal);
  return groups;
}

/** Adds up a partial day: its rollups name the users, whose entries of the day have the times. */
async function addPartialDay(
  reader: Reader,
  tenant: string,
  by: SummarizeBy,
  partialDay: PartialDay,
  groups: UsageGroups,
  signal: AbortSignal | undefined,
): Promise<void> {
  const day = dayOf(partialDay.since);
  for await (const user of reader.users(tenant, day, signal)) {
    for await (const entry of reader.ofUser(
      user === undefined ? { tenant } : { tenant, user },
      partialDay,
      signal,
    )) {
      const name = nameIn(entry, user, by);
      if (name !== undefined) groups.add({ ...name, sums: sumsOf(entry) });
    }
  }
}

/** The names of an entry's group, or `undefined` if the entry is in none. */
function nameIn(
  entry: StoredEntry,
  user: string | undefined,
  by: SummarizeBy,
): Omit<Rollup, "sums"> | undefined {
  if (typeof by === "object") {
    const tag = entry.tags.find(([name]) => name === by.tag);
    return tag && { key: tag[1] };
  }
  switch (by) {
    case "day":
      return { key: dayOf(entry.at) };
    case "user":
      return user === undefined ? {} : { key: user };
    case "session":
      return entry.session === undefined || user === undefined ? {} : { key: entry.session, user };
    case "runName":
      return entry.runName === undefined ? {} : { key: entry.runName };
    default:
      return { key: entry[by] };
  }
}

function dimensionOf(by: SummarizeBy): Dimension {
  return typeof by === "object" ? tagDimension(by.tag) : by;
}

function readBy(by: unknown): SummarizeBy {
  if (typeof by !== "object" || by === null) return readOneOf(by, "by", GROUPINGS);
  const { tag } = readNamed(by, "by", ["tag"]) as { tag?: unknown };
  return { tag: readTagName(tag) };
}
