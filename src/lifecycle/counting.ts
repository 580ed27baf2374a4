import { findCell } from "../typed/cell-operations.js";
import { CHUNK_SIZE } from "./chunks.js";
import { readEntry, storedStatuses } from "./listing.js";
import { isEntryOf } from "./pointer.js";
import type { LifecycleRecords } from "./records.js";
import type { IndexEntry, List } from "./status-index.js";
import type { LifecycleState } from "./stored.js";

type Signal = AbortSignal | undefined;

const PAGE_SIZE = 1000;

/** How many records of a list have each of these statuses. CORRUPT where one that has to be read is damaged. */
export async function countRecords<S extends LifecycleState, C, V, Status extends S["status"]>(
  records: LifecycleRecords<S, C, V>,
  list: List,
  statuses: readonly Status[],
  signal: Signal,
): Promise<{ readonly [Counted in Status]: number }> {
  const { declared, index } = records;
  const counts = Object.fromEntries(statuses.map((status) => [status, 0])) as Record<Status, number>;
  for (const stored of storedStatuses(records, statuses)) {
    if (list.only === undefined && !declared.open.includes(stored)) {
      counts[stored as Status] += await index.count(list, stored, signal);
      continue;
    }
    for (let after: string | undefined; ; ) {
      const page = await index.page(list, stored, { after, limit: PAGE_SIZE, signal });
      const listed = page.filter((entry) => index.holds(list, entry) !== false);
      for (const found of await statusesOf(records, list, listed, signal))
        if (found !== undefined && statuses.includes(found as Status)) counts[found as Status]++;
      if (page.length < PAGE_SIZE) break;
      after = page.at(-1)?.position;
    }
  }
  return counts;
}

/** The status of each entry's record now; `undefined` for one that is gone, or that the list does not hold. */
async function statusesOf<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  list: List,
  entries: readonly IndexEntry<S["status"]>[],
  signal: Signal,
): Promise<(S["status"] | undefined)[]> {
  const found: (S["status"] | undefined)[] = [];
  for (let from = 0; from < entries.length; from += CHUNK_SIZE) {
    const chunk = entries.slice(from, from + CHUNK_SIZE);
    found.push(...(await Promise.all(chunk.map((entry) => statusOf(records, list, entry, signal)))));
    signal?.throwIfAborted();
  }
  return found;
}

async function statusOf<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  list: List,
  entry: IndexEntry<S["status"]>,
  signal: Signal,
): Promise<S["status"] | undefined> {
  const { declared, index } = records;
  const now = records.now();
  if (index.holds(list, entry) === undefined) {
    const whole = await readEntry(records, entry, now, signal);
    return whole && index.holds(list, { key: entry.key, groups: index.groupsOf(whole) })
      ? whole.status
      : undefined;
  }
  if (!declared.open.includes(entry.status)) return entry.status;
  const found = await findCell(records.store, records.cell(entry.key), { signal });
  return found && isEntryOf(entry, found.value) ? declared.statusAt(found.value, now) : undefined;
}
