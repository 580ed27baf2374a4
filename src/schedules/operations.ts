import type { LifecycleKey } from "../lifecycle/stored.js";
import { newEventId } from "../process/event-id.js";
import type { InputReader } from "../typed/input-reader.js";
import { digestOf, scopedEventId } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import { type ReadPut, readFinish, readPut, readRenew } from "./input.js";
import { leaseOf, type OccurrenceLease, readLease } from "./lease.js";
import type { Occurrence } from "./occurrence.js";
import { readTenant, type ScheduleReceipt, type ScheduleTenant } from "./options.js";
import type { Schedule } from "./schedule.js";
import type { ScheduleLifecycle, ScheduleRecords } from "./schedule-records.js";
import type { OccurrenceContent, OccurrenceState } from "./stored-occurrence.js";
import { keyOfSchedule } from "./stored-schedule.js";
import { finish, newSchedule, type OccurrenceTransition, put, renew, setEnabled } from "./transitions.js";

/** What the mutating methods do once their input is read: alone in a commit, or in a unit. */
export class ScheduleOperations {
  readonly #records: ScheduleRecords;
  readonly #inputs: InputReader;

  constructor(records: ScheduleRecords, inputs: InputReader) {
    this.#records = records;
    this.#inputs = inputs;
  }

  put(tenant: ScheduleTenant, schedule: unknown): Operation<ScheduleReceipt> {
    const owner = readTenant(tenant);
    const { name, enabled, rules, id } = readPut(schedule, this.#inputs);
    const key = keyOfSchedule(owner, name);
    const { schedules } = this.#records;
    const cell = this.#records.putOf(key);
    const once = id === undefined ? undefined : onceOf(key, id, { rules, enabled });
    return {
      turn: turnOf(schedules, key),
      // The same call again finds that the schedule says it.
      repeatable: true,
      findsItsIds: true,
      apply: async (transaction) => {
        if (once !== undefined) {
          if (await transaction.isKnown(cell, once.says, once.eventId)) {
            const found = await schedules.readIn(transaction, key);
            if (found === undefined) throw schedules.notFound();
            return { schedule: schedules.view(key, found), duplicate: true };
          }
          await transaction.set(cell, once.says, once.eventId);
        }
        if ((await schedules.readIn(transaction, key)) === undefined) {
          const initial = newSchedule(rules, enabled ?? true, newEventId());
          // A new event id each time: once it is deleted, the name is free again.
          const options = { eventId: newEventId() };
          const { record } = await schedules.createIn(transaction, key, { name }, initial, options);
          return { schedule: record, duplicate: false };
        }
        let duplicate = false;
        const changed = await schedules.changeIn(transaction, key, (state, moment) => {
          const next = put(rules, enabled)(state, moment);
          duplicate = next === state;
          return next;
        });
        return { schedule: changed, duplicate };
      },
    };
  }

  setEnabled(tenant: ScheduleTenant, name: string, enabled: boolean): Operation<Schedule> {
    const key = keyOfSchedule(readTenant(tenant), name);
    return this.#records.schedules.changing(key, setEnabled(enabled), true);
  }

  /** Removes the schedule alone, and says what is left to remove. */
  delete(tenant: ScheduleTenant, name: string): Operation<string | undefined> {
    const key = keyOfSchedule(readTenant(tenant), name);
    const { schedules } = this.#records;
    return {
      turn: turnOf(schedules, key),
      repeatable: true,
      apply: async (transaction) => {
        const found = await schedules.readIn(transaction, key);
        if (found === undefined) return undefined;
        await this.#records.markDeleted(transaction, key.identity.tenant, found.state.incarnation);
        await schedules.removeIn(transaction, key);
        transaction.delete(this.#records.putOf(key));
        return found.state.incarnation;
      },
    };
  }

  renew(lease: OccurrenceLease, input: unknown): Operation<OccurrenceLease> {
    const held = readLease(lease);
    const { key } = held;
    const leaseMs = readRenew(input);
    let state: OccurrenceState | undefined;
    const change = this.#records.occurrences.changing(
      key,
      (...given) => {
        state = renew(held, leaseMs)(...given);
        return state;
      },
      true,
    );
    return {
      turn: change.turn,
      repeatable: true,
      apply: async (transaction) => {
        await change.apply(transaction);
        return leaseOf(key, state as OccurrenceState);
      },
    };
  }

  finish(lease: OccurrenceLease, input: unknown): Operation<Occurrence> {
    const held = readLease(lease);
    const { key } = held;
    const made = readFinish(held, input, this.#inputs);
    const { occurrences } = this.#records;
    let content: OccurrenceContent | undefined;
    const transition: OccurrenceTransition = (state, moment) => {
      content = moment.content;
      return finish(made, held)(state, moment);
    };
    return {
      ...occurrences.changing(key, transition, true),
      apply: async (transaction) => {
        const occurrence = await occurrences.changeIn(transaction, key, transition);
        await this.#records.forgetIfOld(transaction, key, content as OccurrenceContent);
        return occurrence;
      },
    };
  }
}

/** The slot whose lock writers of this process take. */
function turnOf(records: ScheduleLifecycle, key: LifecycleKey): Operation<unknown>["turn"] {
  return records.changing(key, (state) => state, true).turn;
}

/** By what the store recognises a put, and what it says. */
function onceOf({ id: of }: LifecycleKey, id: string, put: Pick<ReadPut, "rules" | "enabled">) {
  return { eventId: scopedEventId(digestOf("schedule.put", of), id), says: digestOf(JSON.stringify(put)) };
}
