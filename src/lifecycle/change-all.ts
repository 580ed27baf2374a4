import { DamageLog } from "../typed/damage.js";
import { CHUNK_SIZE } from "./chunks.js";
import { changeIf, type NextTransition } from "./next.js";
import type { LifecycleRecords } from "./records.js";
import type { List } from "./status-index.js";
import type { LifecycleState } from "./stored.js";

/** What is done to which records of a list. */
export interface ChangeOfAll<S extends LifecycleState, C> {
  readonly statuses: readonly S["status"][];
  readonly transition: NextTransition<S, C>;
  readonly signal: AbortSignal | undefined;
}

/** Changes all records of a list with one of these statuses that the transition does not pass over. Returns how many. */
export async function changeAll<S extends LifecycleState, C, V>(
  records: LifecycleRecords<S, C, V>,
  list: List,
  { statuses, transition, signal }: ChangeOfAll<S, C>,
): Promise<number> {
  const { declared, index } = records;
  const damage = new DamageLog();
  let changed = 0;
  // In the order in which statuses follow each other: one that moves on meanwhile is met under the next.
  for (const status of declared.statuses.filter((known) => statuses.includes(known))) {
    // Newest first: what is created meanwhile stands before the first page, so this comes to an end.
    for (let after: string | undefined; ; ) {
      const page = await index.page({ ...list, isNewestFirst: true }, status, {
        after,
        limit: CHUNK_SIZE,
        damage,
        signal,
      });
      const all = page.filter((entry) => index.holds(list, entry) !== false);
      const done = await Promise.all(
        all.map((entry) => {
          // The entry may say nothing of its fields, or they may have changed since.
          const isHeld: NextTransition<S, C> = (state, moment) =>
            index.holds(list, { ...entry, groups: index.groupsOf({ state, content: moment.content }) })
              ? transition(state, moment)
              : undefined;
          const change = changeIf(records, { entry, isCurrent: () => true }, isHeld, { signal });
          return damage.skipIfDamaged(change);
        }),
      );
      changed += done.filter((one) => one !== undefined).length;
      signal?.throwIfAborted();
      if (page.length < CHUNK_SIZE) break;
      after = page.at(-1)?.position;
    }
  }
  damage.throwFirst();
  return changed;
}
