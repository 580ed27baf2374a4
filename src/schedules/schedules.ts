import { invalid, isStateError } from "../contract/errors.js";
import type { CallOptions, MaintenanceScope, StateStore } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import { readCallOptions } from "../lifecycle/options.js";
import { nextInTurn } from "../runs/claim-in-turn.js";
import { leftOf } from "../runs/lease.js";
import { readClaimWait } from "../runs/options.js";
import { type LeasedWork, renewWhile } from "../runs/renew-while.js";
import { cellKey, readStore } from "../typed/cell.js";
import { InputReader } from "../typed/input-reader.js";
import { runExclusive } from "../typed/mutex.js";
import { digestOf, itemKind } from "../typed/names.js";
import { type Operation, perform } from "../typed/operation.js";
import { Unit } from "../typed/together/unit.js";
import { readNamed, readOptions } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import { SchedulesInUnit } from "./in-unit.js";
import { type ClaimDueInput, type FinishInput, type RenewOccurrenceInput, readClaim } from "./input.js";
import type { OccurrenceLease } from "./lease.js";
import type { Occurrence } from "./occurrence.js";
import { ScheduleOperations } from "./operations.js";
import {
  type ClaimDueOptions,
  type DueOptions,
  type HistoryOptions,
  type ListSchedulesOptions,
  type OccurrencePage,
  readDue,
  readTenant,
  type SchedulePage,
  type ScheduleReceipt,
  type SchedulesOptions,
  type ScheduleTenant,
} from "./options.js";
import { type ClaimedOccurrence, OccurrenceQueue } from "./queue.js";
import type { NewSchedule, Schedule } from "./schedule.js";
import { ScheduleRecords } from "./schedule-records.js";
import { keyOfSchedule } from "./stored-schedule.js";

const HISTORY_OPTIONS = ["status", "limit", "after", "signal"];

/**
 * Recurring and one-time tasks of a tenant. Workers claim what is due: of all processes one gets each time of a schedule, as
 * an occurrence with a lease, and says how it ended. Nothing runs by itself: a worker has to ask.
 *
 * What is due, and whether a lease has passed, is judged by the clock of the process that claims. The times of a schedule
 * only go on: a clock that is set back makes its workers wait, and no time comes twice.
 */
export class Schedules {
  readonly #store: StateStore;
  readonly #records: ScheduleRecords;
  readonly #operations: ScheduleOperations;
  readonly #queue: OccurrenceQueue;

  /** @internal */
  constructor(store: StateStore, options: SchedulesOptions = {}) {
    readNamed(options, "options", ["redact", "pollMs", "clock"]);
    const { redact: _, ...rest } = options;
    this.#store = readStore(store);
    this.#records = new ScheduleRecords(store, rest);
    this.#operations = new ScheduleOperations(this.#records, new InputReader(options, "schedules"));
    this.#queue = new OccurrenceQueue(this.#records);
    Object.freeze(this);
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): SchedulesInUnit {
    return new SchedulesInUnit(Unit.check(unit, this.#store), this.#operations);
  }

  /**
   * Puts a schedule, in place of the one of this name: its history, and what is under way, stay. What it says already is a
   * duplicate. With other times it goes on at the first of them from now on; a date that is over counts as missed. Of
   * callers that put the same name at once, each takes effect, one after the other. With an `id` it is put once: the same call
   * again is a duplicate and undoes no later put; IDEMPOTENCY_CONFLICT if it says something else, NOT_FOUND if the schedule
   * was deleted since, within the store's idempotency window. INVALID_RECORD.
   */
  async put(tenant: ScheduleTenant, schedule: NewSchedule, options?: CallOptions): Promise<ScheduleReceipt> {
    return this.#run(this.#operations.put(tenant, schedule), options);
  }

  /** The schedule as it is now. NOT_FOUND, CORRUPT. */
  async get(tenant: ScheduleTenant, name: string, options?: CallOptions): Promise<Schedule> {
    return this.#records.schedules.get(keyOfSchedule(readTenant(tenant), name), options);
  }

  /** The schedule as it is now, or `undefined`. CORRUPT. */
  async find(tenant: ScheduleTenant, name: string, options?: CallOptions): Promise<Schedule | undefined> {
    return this.#records.schedules.find(keyOfSchedule(readTenant(tenant), name), options);
  }

  /** The schedules of a tenant, the one created last first. CORRUPT. */
  async list(tenant: ScheduleTenant, options?: ListSchedulesOptions): Promise<SchedulePage> {
    const names = ["status", "source", "limit", "after", "signal"];
    const { source, ...given } = readOptions(options, names) as ListSchedulesOptions;
    const by = options && "source" in options ? { by: { source: readKind(source, "source") } } : {};
    const where = { tenant: readTenant(tenant) };
    const { records, ...page } = await this.#records.schedules.list(where, { ...given, ...by });
    return { schedules: records, ...page };
  }

  /** Lets a schedule have occurrences, from its next time on: times while it was disabled are not missed. NOT_FOUND. */
  async enable(tenant: ScheduleTenant, name: string, options?: CallOptions): Promise<Schedule> {
    return this.#run(this.#operations.setEnabled(tenant, name, true), options);
  }

  /** Lets a schedule have no more occurrences until it is enabled. Those under way go on. NOT_FOUND. */
  async disable(tenant: ScheduleTenant, name: string, options?: CallOptions): Promise<Schedule> {
    return this.#run(this.#operations.setEnabled(tenant, name, false), options);
  }

  /**
   * Deletes a schedule with its history. Returns whether there was one. A worker that still works on an occurrence of it gets
   * NOT_FOUND from `renew` and `finish`. The name is free at once. If the call is interrupted, the schedule is gone, and
   * `removeDeleted` removes what is left of its history. A schedule that is damaged is deleted too; its occurrences stay in
   * `occurrences`, because nobody can tell which they are.
   */
  async delete(tenant: ScheduleTenant, name: string, options?: CallOptions): Promise<boolean> {
    const owner = readTenant(tenant);
    const { signal } = readCallOptions(options);
    const operation = this.#operations.delete(tenant, name);
    try {
      const incarnation = await this.#run(operation, options);
      if (incarnation === undefined) return false;
      await this.#records.removeDeleted(owner, incarnation, signal);
      return true;
    } catch (error) {
      const key = keyOfSchedule(owner, name);
      if (!isStateError(error, "CORRUPT") || !this.#records.isOf(key, error.details.at)) throw error;
      return this.#records.removeDamaged(key, signal);
    }
  }

  /**
   * Removes the histories that interrupted calls of `delete` left. Returns of how many schedules.
   * MAINTENANCE_SCOPE_REQUIRED.
   */
  async removeDeleted(scope: MaintenanceScope, options?: CallOptions): Promise<number> {
    const { signal } = readCallOptions(options);
    let removed = 0;
    for await (const [tenant, incarnation] of this.#records.deleted(scope, signal)) {
      await this.#records.removeDeleted(tenant, incarnation, signal);
      removed++;
    }
    return removed;
  }

  /** The schedules of a tenant whose next time has come, those first whose time came first. CORRUPT. */
  async due(tenant: ScheduleTenant, options?: DueOptions): Promise<readonly Schedule[]> {
    const { schedules } = this.#records;
    return schedules.listDue(readTenant(tenant), readDue(options, schedules.now()));
  }

  /**
   * The tenants for which `claimDue` may have something: with a schedule that is due, or an occurrence whose lease has
   * passed. For workers that serve many tenants. Damage of a record is thrown as CORRUPT after all others.
   * MAINTENANCE_SCOPE_REQUIRED.
   */
  async *dueTenants(scope: MaintenanceScope, options?: CallOptions): AsyncGenerator<string, void, undefined> {
    const { occurrences, schedules } = this.#records;
    for (const records of [occurrences, schedules]) {
      let last: string | undefined;
      for await (const { tenant } of records.recoverDue(scope, options)) {
        if (tenant !== last) yield tenant;
        last = tenant;
      }
    }
  }

  /**
   * Claims one of the occurrences of a tenant that are due: one whose lease has passed, or the next time of a schedule, the
   * oldest first; `undefined` if there is none. Of workers that call together each gets another one. Occurrences that may
   * not be claimed again are marked as failed on the way. If the answer is lost, the same call with the same `token`
   * gets the same occurrence and lease; without one it is dealt with when its lease has passed. Damaged records are passed over, and CORRUPT if nothing else is left.
   *
   * With `waitMs` it waits for one, looking about every `pollMs`, and answers `undefined` when the time is up.
   */
  async claimDue(
    tenant: ScheduleTenant,
    input: ClaimDueInput,
    options?: ClaimDueOptions,
  ): Promise<ClaimedOccurrence | undefined> {
    const owner = readTenant(tenant);
    const given = { ...input };
    const { token } = readClaim(given);
    const wait = readClaimWait(options);
    const { signal } = wait;
    const claimNext = () => this.#queue.claimDue(owner, readClaim(given), signal);
    const claim = () => nextInTurn(claimNext, this.#records.schedules.pollMs, wait);
    if (token === undefined) return claim();
    const turn = { identity: tenantIdentity(owner), kind: itemKind("occurrence.claim", digestOf(token)) };
    return runExclusive(
      this.#store,
      cellKey(turn),
      signal,
      async () => (await this.#queue.claimedBefore(owner, readClaim(given), signal)) ?? claim(),
    );
  }

  /** Prolongs a lease. NOT_FOUND, FENCED. */
  async renew(
    lease: OccurrenceLease,
    input: RenewOccurrenceInput,
    options?: CallOptions,
  ): Promise<OccurrenceLease> {
    return this.#run(this.#operations.renew(lease, input), options);
  }

  /**
   * Runs `work` and renews the lease whenever a third of `leaseMs` is over, until the work has ended; returns what that
   * returned. The signal that `work` gets aborts when the lease is lost, and with the signal of the call. It works as
   * `renewWhile` of runs does.
   */
  async renewWhile<R>(
    lease: OccurrenceLease,
    input: RenewOccurrenceInput,
    work: LeasedWork<R>,
    options?: CallOptions,
  ): Promise<R> {
    const operation = this.#operations.renew(lease, input);
    if (typeof work !== "function") throw invalid("work", "a function");
    const kept = {
      renew: (signal: AbortSignal) => this.#run(operation, { signal }),
      leaseMs: input.leaseMs,
      leftMs: leftOf(lease, this.#records.occurrences.now()),
      // The worker itself has finished it.
      isOwnEnd: (error: unknown) =>
        isStateError(error, "FENCED") &&
        error.details.current === lease.fence &&
        error.details.status !== "running",
    };
    return renewWhile(kept, work, readCallOptions(options).signal);
  }

  /** Ends an occurrence. The same call again gets the same answer. NOT_FOUND, FENCED. */
  async finish(lease: OccurrenceLease, input: FinishInput, options?: CallOptions): Promise<Occurrence> {
    return this.#run(this.#operations.finish(lease, input), options);
  }

  /**
   * The occurrences of a schedule, newest first: the latest `keep`, and those under way. Empty if there is no such schedule.
   * CORRUPT.
   */
  async history(tenant: ScheduleTenant, name: string, options?: HistoryOptions): Promise<OccurrencePage> {
    const owner = readTenant(tenant);
    const key = keyOfSchedule(owner, name);
    const given = readOptions(options, HISTORY_OPTIONS) as HistoryOptions;
    const { occurrences, schedules } = this.#records;
    const schedule = await schedules.read(key, { signal: given.signal });
    // No list has this name.
    const by = { schedule: schedule?.state.incarnation ?? "none" };
    const { records, ...page } = await occurrences.list({ tenant: owner }, { ...given, by });
    return { occurrences: records, ...page };
  }

  /** The occurrences of all schedules of a tenant, newest first, such as those that have failed. CORRUPT. */
  async occurrences(tenant: ScheduleTenant, options?: HistoryOptions): Promise<OccurrencePage> {
    const where = { tenant: readTenant(tenant) };
    const given = readOptions(options, HISTORY_OPTIONS) as HistoryOptions;
    const { records, ...page } = await this.#records.occurrences.list(where, given);
    return { occurrences: records, ...page };
  }

  async #run<R>(operation: Operation<R>, options: CallOptions | undefined): Promise<R> {
    return (await perform(this.#store, operation, readCallOptions(options))).result;
  }
}
