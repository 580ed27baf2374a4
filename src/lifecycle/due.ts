import { isStateError } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { Identity, MaintenanceScope } from "../contract/store.js";
import { CHUNK_SIZE, chunks } from "./chunks.js";
import { DamageLog } from "./damage.js";
import type { DueEntry, DueIndex } from "./due-index.js";
import { readEntry } from "./listing.js";
import { isEntryOf } from "./pointer.js";
import type { LifecycleRecords, WriteOptions } from "./records.js";
import type { LifecycleState, Moment } from "./stored.js";

type Signal = AbortSignal | undefined;

/** How many due records one call chooses from: callers that come together seldom choose the same. */
const CANDIDATES = 32;

/** Returns the state after a change, or `undefined` to pass the record over. Called again when another writer was faster. */
export type DueTransition<S extends LifecycleState, C> = (state: S, moment: Moment<S, C>) => S | undefined;

/** Thrown by a transition to leave a record as it is. */
class PassedOver extends Error {}

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
  transition: DueTransition<S, C>,
  options: WriteOptions,
): Promise<V | undefined> {
  const damage = new DamageLog();
  const until = records.now();
  for (let after: string | undefined; ; ) {
    const entries = await dueIndex(records).oldest(
      tenant,
      { until, after, limit: CANDIDATES },
      options.signal,
    );
    for (const entry of inRandomOrder(entries)) {
      const changed = await damage.skipIfDamaged(changeDue(records, entry, transition, options));
      if (changed !== undefined) return changed.record;
    }
    if (entries.length < CANDIDATES) break;
    after = entries.at(-1)?.position;
  }
  damage.throwFirst();
  return undefined;
}

/** `undefined` if the record is not due any more, was passed over, or is gone. */
async function changeDue<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  entry: DueEntry,
  transition: DueTransition<S, C>,
  options: WriteOptions,
): Promise<{ readonly record: V } | undefined> {
  const { declared } = records;
  try {
    const record = await records.change(
      entry.key,
      (state, moment) => {
        if (!isEntryOf(entry, state)) throw declared.notFound();
        const changed = declared.given.due?.(state) === entry.dueAt ? transition(state, moment) : undefined;
        if (changed === undefined) throw new PassedOver();
        return changed;
      },
      options,
    );
    return { record };
  } catch (error) {
    if (error instanceof PassedOver) return undefined;
    if (!isStateError(error, "NOT_FOUND")) throw error;
    await records.dropOrphan(entry, options.signal);
    return undefined;
  }
}

/** Removes the entries whose records are gone, whenever they become due. */
export async function sweepDue<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  scope: MaintenanceScope,
  damage: DamageLog,
  signal: Signal,
): Promise<void> {
  if (records.due === undefined) return;
  for await (const chunk of chunks(records.due.scan(scope, LIMITS.latest, damage, signal), signal))
    await Promise.all(chunk.map((entry) => damage.skipIfDamaged(records.dropOrphan(entry, signal))));
}

/** Removes the entries of a user whose records are gone. */
export async function dropDueOf<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  { tenant, user }: Pick<Identity, "tenant" | "user">,
  signal: Signal,
): Promise<void> {
  if (records.due === undefined) return;
  for (let after: string | undefined; ; ) {
    const page = { until: LIMITS.latest, after, limit: CHUNK_SIZE };
    const entries = await records.due.oldest(tenant, page, signal);
    for (const entry of entries)
      if (entry.key.identity.user === user) await records.dropOrphan(entry, signal);
    if (entries.length < CHUNK_SIZE) return;
    after = entries.at(-1)?.position;
  }
}

function dueIndex<S extends LifecycleState, C, V>(records: LifecycleRecords<S, C, V>): DueIndex<S> {
  if (records.due === undefined) throw new TypeError(`${records.declared.name} declares no \`due\``);
  return records.due;
}

function inRandomOrder<T>(all: readonly T[]): T[] {
  const order = all.map((one) => ({ one, at: Math.random() }));
  return order.sort((a, b) => a.at - b.at).map(({ one }) => one);
}
