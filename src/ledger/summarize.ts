import type { CallOptions } from "../contract/store.js";
import { readNamed, readOneOf, readSignal } from "../validation/validate.js";
import { type Dimension, dayOf, dayOfId, type Rollup, tagDimension } from "./cells.js";
import { readTagName, type StoredEntry, sumsOf } from "./entry.js";
import { UsageGroups } from "./groups.js";
import { type PartialDay, type Period, readPeriod, splitDays } from "./period.js";
import type { Reader } from "./reader.js";

const GROUPINGS = ["provider", "model", "day", "user", "session", "runName"] as const;

/**
 * What to summarize by. `day` is that of UTC. `{ tag: "team" }` are the values of a tag, and
 * the summary then is of what has that tag.
 */
export type SummarizeBy = (typeof GROUPINGS)[number] | { readonly tag: string };

/** Which usage is summarized, and how. */
export interface SummarizeOptions extends Period, CallOptions {
  /** What is grouped by. */
  readonly by: SummarizeBy;
}

/** Whole days come from the rollups; of the first and the last day of the period what is left comes from the entries. */
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

/** Who used something on a day is known from its rollups, and what they used at which time from their entries. */
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

/** What the group of an entry is called, or nothing when it is in none. */
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
