import { isStateError } from "../contract/errors.js";
import { DamageLog } from "../typed/damage.js";
import type { DueEntry } from "./due-index.js";
import type { Leftovers } from "./leftovers.js";
import { type EntryPage, isEntryOf } from "./pointer.js";
import type { ChangeOptions, LifecycleRecords, WriteOptions } from "./records.js";
import type { IndexEntry } from "./status-index.js";
import type { LifecycleState, Moment } from "./stored.js";

/** Returns the state after a change, or `undefined` to pass the record over. Called again when another writer was faster. */
export type NextTransition<S extends LifecycleState, C> = (state: S, moment: Moment<S, C>) => S | undefined;

/** Which record is changed next. */
export interface NextOptions extends WriteOptions {
  /** Only records with this value of one of the declared fields, as `{ name: "nightly" }`. */
  readonly by?: Readonly<Record<string, string>>;
}

/** The entries that a call chooses from, in pages. */
export interface Candidates<E extends IndexEntry | DueEntry, S extends LifecycleState> {
  /** Some of the next entries after a position. */
  readonly page: (range: {
    readonly after: string | undefined;
    readonly limit: number;
    /** Where damaged entries are noted, and passed over. */
    readonly damage: DamageLog;
  }) => Promise<EntryPage<E>>;
  /** Whether a state is still that of the entry. */
  readonly isCurrent: (entry: E, state: S) => boolean;
  /** What calls before this one read and did not take, and the name of the list there. */
  readonly leftovers?: { readonly of: Leftovers<E>; readonly list: string };
}

/** How many entries one call chooses from: callers that come together seldom choose the same. */
const PAGE_SIZE = 32;

/** Thrown by a transition to leave a record as it is. */
class PassedOver extends Error {}

/**
 * Changes one of the first records, chosen by chance. Returns it, or `undefined` if there is none that the transition does
 * not pass over. If none is left but damaged ones: CORRUPT.
 */
export async function changeOneOf<E extends IndexEntry | DueEntry, S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  candidates: Candidates<E, S>,
  transition: NextTransition<S, C>,
  options: ChangeOptions<S, C>,
): Promise<V | undefined> {
  const damage = new DamageLog();
  const { leftovers } = candidates;
  const change = (entry: E) => {
    const isCurrent = (state: S) => isEntryOf(entry, state) && candidates.isCurrent(entry, state);
    return damage.skipIfDamaged(changeIf(records, { entry, isCurrent }, transition, options));
  };
  const left = leftovers?.of.take(leftovers.list);
  if (left !== undefined) {
    const changed = await change(left);
    if (changed !== undefined) return changed.record;
    leftovers?.of.drop(leftovers.list);
  }
  for (let after: string | undefined; ; ) {
    const { entries, next } = await candidates.page({ after, limit: PAGE_SIZE, damage });
    const order = inRandomOrder(entries);
    for (const [place, entry] of order.entries()) {
      const changed = await change(entry);
      if (changed === undefined) continue;
      leftovers?.of.put(leftovers.list, order.slice(place + 1));
      return changed.record;
    }
    if (next === undefined) break;
    after = next;
  }
  damage.throwFirst();
  return undefined;
}

/** `undefined` if the entry is no longer that of its record, if that was passed over, or if it is gone. */
export async function changeIf<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  { entry, isCurrent }: { readonly entry: IndexEntry | DueEntry; readonly isCurrent: (state: S) => boolean },
  transition: NextTransition<S, C>,
  options: ChangeOptions<S, C>,
): Promise<{ readonly record: V } | undefined> {
  try {
    const record = await records.change(
      entry.key,
      (state, moment) => {
        if (!isEntryOf(entry, state)) throw records.declared.notFound();
        const changed = isCurrent(state) ? transition(state, moment) : undefined;
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

function inRandomOrder<T>(all: readonly T[]): T[] {
  const order = all.map((one) => ({ one, at: Math.random() }));
  return order.sort((a, b) => a.at - b.at).map(({ one }) => one);
}
