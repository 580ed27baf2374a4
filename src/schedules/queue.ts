import { isStateError } from "../contract/errors.js";
import type { LifecycleKey } from "../lifecycle/stored.js";
import { claimedBefore } from "../runs/claimed-before.js";
import { LeasesFirst } from "../runs/leases-first.js";
import { throwUnlessStale } from "../typed/stale-reads.js";
import type { Transaction } from "../typed/transaction.js";
import { leaseOf, type OccurrenceLease } from "./lease.js";
import type { Occurrence } from "./occurrence.js";
import type { ScheduleRecords } from "./schedule-records.js";
import { keyOfOccurrence, type OccurrenceContent, type OccurrenceState } from "./stored-occurrence.js";
import type { ScheduleState } from "./stored-schedule.js";
import type { TakenTime } from "./take.js";
import { leaseFrom, type NewClaim, take, takeOver } from "./transitions.js";

/** An occurrence that a worker holds. */
export interface ClaimedOccurrence {
  /** The worker's hold: `renew` and `finish` take it. */
  readonly lease: OccurrenceLease;
  /** The occurrence as it is now. */
  readonly occurrence: Occurrence;
}

type Signal = AbortSignal | undefined;
/** Something happened, but there is nothing to work on: look again. */
type Step = ClaimedOccurrence | "again";

/** Claims occurrences of a tenant: those whose lease has passed, and those of schedules that are due. */
export class OccurrenceQueue {
  readonly #records: ScheduleRecords;
  readonly #turns = new LeasesFirst();

  constructor(records: ScheduleRecords) {
    this.#records = records;
  }

  async claimDue(tenant: string, claim: NewClaim, signal: Signal): Promise<ClaimedOccurrence | undefined> {
    for (;;) {
      const step = await this.#turns.take<Step>(
        tenant,
        () => this.#takeOver(tenant, claim, signal),
        () => this.#takeNew(tenant, claim, signal),
      );
      if (step !== "again") return step;
      signal?.throwIfAborted();
    }
  }

  /** The occurrence that an earlier call with the same token got, while that lease holds. */
  async claimedBefore(
    tenant: string,
    claim: NewClaim,
    signal: Signal,
  ): Promise<ClaimedOccurrence | undefined> {
    const found = await claimedBefore(this.#records.occurrences, tenant, claim, keyOf, { signal });
    return found && { lease: leaseOf(found.key, found.state), occurrence: found.record };
  }

  /** An occurrence that may not be claimed again has failed. */
  async #takeOver(tenant: string, claim: NewClaim, signal: Signal): Promise<Step | undefined> {
    const { occurrences } = this.#records;
    let state: OccurrenceState | undefined;
    const occurrence = await occurrences.changeNextDue(
      tenant,
      (before, moment) => {
        state = takeOver(claim)(before, moment);
        return state;
      },
      {
        signal,
        alongside: async (transaction, key, { now }) => {
          if (now?.state.status === "failed") await this.#records.forgetIfOld(transaction, key, now.content);
        },
      },
    );
    if (occurrence === undefined || state === undefined) return undefined;
    if (state.lease === undefined) return "again";
    return { lease: leaseOf(keyOf(occurrence), state), occurrence };
  }

  /** In one commit the schedule goes on to its next time and the occurrence is made: nobody else can take that time. */
  async #takeNew(tenant: string, claim: NewClaim, signal: Signal): Promise<Step | undefined> {
    const { schedules } = this.#records;
    let time: TakenTime | undefined;
    let claimed: ClaimedOccurrence | undefined;
    const schedule = await schedules.changeNextDue(
      tenant,
      (before, { now }) => {
        const made = take(before, now);
        time = made?.taken.time;
        return made?.state;
      },
      {
        signal,
        alongside: async (transaction, { identity }, { before, now }) => {
          if (before === undefined || now === undefined) return;
          const { incarnation } = before;
          const range = { incarnation, from: before.oldest, before: now.state.oldest };
          await this.#records.forget(transaction, identity.tenant, range);
          const made = { schedule: now.content.name, state: now.state, time, claim };
          claimed = time && (await this.#make(transaction, identity.tenant, { ...made, time }));
        },
      },
    );
    if (schedule === undefined) return undefined;
    return time === undefined ? "again" : claimed;
  }

  async #make(
    transaction: Transaction,
    tenant: string,
    { schedule, state, time, claim }: NewOccurrence,
  ): Promise<ClaimedOccurrence | undefined> {
    const { occurrences } = this.#records;
    const { incarnation, number, action, onCrash, maxAttempts } = state;
    const { at, missedSince } = time;
    const key = keyOfOccurrence(tenant, incarnation, number);
    const content: OccurrenceContent = {
      schedule,
      incarnation,
      number,
      ...(missedSince !== undefined && { missedSince }),
      action,
      onCrash,
      maxAttempts,
    };
    const now = occurrences.now();
    const initial: OccurrenceState = {
      status: "running",
      // Lists are in the order of the schedule's times.
      createdAt: at,
      fence: 1,
      lease: leaseFrom(claim, now),
      claimedAt: now,
    };
    try {
      const { record } = await occurrences.createIn(transaction, key, content, () => initial);
      return { lease: leaseOf(key, initial), occurrence: record };
    } catch (error) {
      // Another worker took this time after the schedule was read here, and at a later time it was another occurrence.
      if (!isStateError(error, "IDEMPOTENCY_CONFLICT")) throw error;
      await throwUnlessStale(this.#records.store, transaction, error);
      return undefined;
    }
  }
}

interface NewOccurrence {
  readonly schedule: string;
  readonly state: ScheduleState;
  readonly time: TakenTime;
  readonly claim: NewClaim;
}

function keyOf({ tenant, id }: Occurrence): LifecycleKey {
  const dot = id.lastIndexOf(".");
  return keyOfOccurrence(tenant, id.slice(0, dot), Number(id.slice(dot + 1)));
}
