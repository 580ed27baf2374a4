import type { MaintenanceScope, RecordKey, StateStore } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { Lifecycle, type LifecycleOptions } from "../lifecycle/lifecycle.js";
import type { LifecycleKey } from "../lifecycle/stored.js";
import { listedByClaim } from "../runs/claimed-before.js";
import { MAX_UNTIL_MS } from "../runs/stored-lease.js";
import { scanKind } from "../store/scan-kind.js";
import { type Cell, cellAt } from "../typed/cell.js";
import { Collection } from "../typed/collection.js";
import { itemKind, itemPrefix } from "../typed/names.js";
import type { Transaction } from "../typed/transaction.js";
import { OCCURRENCE_TRANSITIONS, type Occurrence } from "./occurrence.js";
import type { Schedule } from "./schedule.js";
import * as occurrences from "./stored-occurrence.js";
import {
  keyOfOccurrence,
  type OccurrenceContent,
  type OccurrenceState,
  occurrenceOf,
} from "./stored-occurrence.js";
import * as schedules from "./stored-schedule.js";
import {
  SCHEDULE_TRANSITIONS,
  type ScheduleContent,
  type ScheduleState,
  scheduleOf,
} from "./stored-schedule.js";

const SCHEDULE = "schedule";
const OCCURRENCE = "occurrence";
/** The last put of each schedule that has an id. */
const PUT = "schedule.put";
/** Schedules that were deleted, and whose occurrences are being removed. */
const DELETED = "schedule.deleted";

export type ScheduleLifecycle = Lifecycle<ScheduleState, ScheduleContent, Schedule>;
export type OccurrenceLifecycle = Lifecycle<OccurrenceState, OccurrenceContent, Occurrence>;

/** The schedules and occurrences of tenants: a schedule is due at its next time, an occurrence when its lease passes. */
export class ScheduleRecords {
  readonly schedules: ScheduleLifecycle;
  readonly occurrences: OccurrenceLifecycle;
  readonly store: StateStore;
  readonly #deleted: Collection<true>;
  readonly #puts: Collection<string>;

  constructor(store: StateStore, options: LifecycleOptions) {
    this.store = store;
    this.#deleted = new Collection(store, DELETED);
    this.#puts = new Collection(store, PUT);
    this.schedules = new Lifecycle<ScheduleState, ScheduleContent, Schedule>(
      store,
      {
        name: SCHEDULE,
        transitions: SCHEDULE_TRANSITIONS,
        listedBy: [
          { under: "tenant" },
          { under: "tenant", field: "source", value: (_, { source }) => source, filtered: true },
        ],
        due: ({ nextAt }) => nextAt,
        stateCodec: schedules.STATE_CODEC,
        contentCodec: schedules.CONTENT_CODEC,
        view: scheduleOf,
      },
      options,
    );
    this.occurrences = new Lifecycle<OccurrenceState, OccurrenceContent, Occurrence>(
      store,
      {
        name: OCCURRENCE,
        transitions: OCCURRENCE_TRANSITIONS,
        listedBy: [
          { under: "tenant" },
          // Its deletion and a later schedule of the same name do not meet here.
          { under: "tenant", field: "schedule", value: ({ incarnation }) => incarnation },
          listedByClaim<OccurrenceState>(),
        ],
        due: ({ lease }) => lease?.until,
        dueWithinMs: MAX_UNTIL_MS,
        stateCodec: occurrences.STATE_CODEC,
        contentCodec: occurrences.CONTENT_CODEC,
        view: occurrenceOf,
      },
      options,
    );
  }

  /** Removes occurrences from one number to the one before another, but for those under way. */
  async forget(
    transaction: Transaction,
    tenant: string,
    {
      incarnation,
      from,
      before,
    }: { readonly incarnation: string; readonly from: number; readonly before: number },
  ): Promise<void> {
    for (let number = from; number < before; number++) {
      const key = keyOfOccurrence(tenant, incarnation, number);
      const found = await this.occurrences.readIn(transaction, key);
      if (found !== undefined && found.state.status !== "running")
        await this.occurrences.removeIn(transaction, key);
    }
  }

  /** Removes an occurrence that has ended when it is too old to be kept, or its schedule is gone. */
  async forgetIfOld(transaction: Transaction, key: LifecycleKey, content: OccurrenceContent): Promise<void> {
    const owner = schedules.keyOfSchedule(key.identity.tenant, content.schedule);
    const cell = cellAt(owner.identity, itemKind(SCHEDULE, owner.id), schedules.STATE_CODEC);
    // A claim that makes it too old depends on what is written here, and finds it ended.
    const schedule = await transaction.peek(cell);
    if (schedule?.incarnation === content.incarnation && content.number >= schedule.oldest) return;
    await this.occurrences.removeIn(transaction, key);
  }

  /** The slot that notes the last put of a schedule that has an id: by its event the store knows the put, also after others. */
  putOf({ identity, id }: LifecycleKey): Cell<string> {
    return this.#puts.at(identity, id);
  }

  /** Notes that the occurrences of a schedule are to be removed. */
  markDeleted(transaction: Transaction, tenant: string, incarnation: string): Promise<void> {
    return transaction.set(this.#deleted.at(tenantIdentity(tenant), incarnation), true);
  }

  /** Removes the occurrences of a schedule that was deleted. After an interruption, call it again: it goes on. */
  async removeDeleted(tenant: string, incarnation: string, signal: AbortSignal | undefined): Promise<void> {
    await this.occurrences.removeAll({ tenant }, { by: { schedule: incarnation }, signal });
    await this.#deleted.delete(tenantIdentity(tenant), incarnation, { signal });
  }

  /** Whether a slot is one of a schedule's own records. */
  isOf({ id }: LifecycleKey, at: RecordKey | undefined): boolean {
    return [SCHEDULE, `${SCHEDULE}.content`].some((kind) => at?.kind === itemKind(kind, id));
  }

  /** Removes a schedule that cannot be read. Returns whether there was one. It is found in the list of all. */
  async removeDamaged({ identity, id }: LifecycleKey, signal: AbortSignal | undefined): Promise<boolean> {
    const removed = await this.schedules.removeAll({ tenant: identity.tenant }, { id, signal });
    await this.#puts.delete(identity, id, { signal });
    return removed > 0;
  }

  /** The schedules that were deleted, and whose occurrences are still there: tenant and incarnation. */
  async *deleted(
    scope: MaintenanceScope,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<readonly [tenant: string, incarnation: string], void, undefined> {
    const prefix = itemPrefix(DELETED);
    for await (const { identity, kind } of scanKind(this.store, scope, prefix, { signal }))
      yield [identity.tenant, kind.slice(prefix.length)];
  }
}
