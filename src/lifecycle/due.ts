import type { MaintenanceScope } from "../contract/store.js";
import { DamageLog } from "../typed/damage.js";
import { CHUNK_SIZE, chunks } from "./chunks.js";
import type { DueEntry, DueIndex } from "./due-index.js";
import { readEntry } from "./listing.js";
import { type Candidates, changeOneOf, type NextOptions, type NextTransition } from "./next.js";
import { readBy } from "./options.js";
import type { ChangeOptions, LifecycleRecords } from "./records.js";
import type { LifecycleState } from "./stored.js";

type Signal = AbortSignal | undefined;

/**
 * Yields the records that are due at a time: by tenant, those that became due first before the others. CORRUPT at the end
 * if some are damaged.
 */
export async function* scanDue<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  scope: MaintenanceScope,
  until: number,
  signal: Signal,
): AsyncGenerator<V, void, undefined> {
  const damage = new DamageLog();
  for await (const chunk of chunks(dueIndex(records).scan(scope, until, damage, signal), signal)) {
    const now = records.now();
    const read = await Promise.all(
      chunk.map((entry) => damage.skipIfDamaged(readEntry(records, entry, now, signal))),
    );
    for (const [index, found] of read.entries()) {
      signal?.throwIfAborted();
      const { dueAt } = chunk[index] as DueEntry;
      if (found !== undefined && records.declared.given.due?.(found.state) === dueAt) yield found.record;
    }
  }
  damage.throwFirst();
}

/**
 * Changes one of the records of a tenant that became due first. Returns it, or `undefined` if no record is due that the
 * transition does not pass over. If none is left but damaged ones: CORRUPT.
 */
export async function changeNextDue<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  tenant: string,
  transition: NextTransition<S, C>,
  { by, ...options }: NextOptions & Pick<ChangeOptions<S, C>, "alongside">,
): Promise<V | undefined> {
  const due = dueIndex(records);
  const until = records.now();
  const group = by && due.groupOf(readBy(by));
  const candidates: Candidates<DueEntry, S> = {
    page: (range) => due.oldest(tenant, { ...range, until, group }, options.signal),
    isCurrent: ({ dueAt }, state) => records.declared.given.due?.(state) === dueAt,
  };
  return changeOneOf(records, candidates, transition, options);
}

/**
 * The records of a tenant that are due at a time, those that became due first before the others, up to a limit. CORRUPT if
 * one is damaged.
 */
export async function listDue<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  tenant: string,
  { until, limit, signal }: { readonly until: number; readonly limit: number; readonly signal: Signal },
): Promise<V[]> {
  const due = dueIndex(records);
  const damage = new DamageLog();
  const found: V[] = [];
  for (let after: string | undefined; found.length < limit; ) {
    const range = { after, limit: CHUNK_SIZE, until, group: undefined, damage };
    const { entries, next } = await due.oldest(tenant, range, signal);
    const now = records.now();
    const read = await Promise.all(entries.map((entry) => readEntry(records, entry, now, signal)));
    for (const [index, one] of read.entries())
      if (one && records.declared.given.due?.(one.state) === entries[index]?.dueAt) found.push(one.record);
    if (next === undefined) break;
    after = next;
  }
  damage.throwFirst();
  return found.slice(0, limit);
}

function dueIndex<S extends LifecycleState, C, V>(records: LifecycleRecords<S, C, V>): DueIndex<S> {
  if (records.due === undefined) throw new TypeError(`${records.declared.name} declares no \`due\``);
  return records.due;
}
