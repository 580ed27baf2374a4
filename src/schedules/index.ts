import type { StateStore } from "../contract/store.js";
import type { SchedulesOptions } from "./options.js";
import { Schedules } from "./schedules.js";

/**
 * Recurring and one-time tasks of a tenant, of which each time is worked on by one process.
 *
 * @example
 * ```ts
 * import { createSchedules } from "groundstate/schedules";
 *
 * const schedules = createSchedules(store);
 * const tenant = { tenant: session.tenant };
 * await schedules.put(tenant, {
 *   name: "morning report",
 *   when: { cron: "0 9 * * MON-FRI", timeZone: "Europe/Berlin" },
 *   action: { agent: "reporter" },
 * });
 * const claimed = await schedules.claimDue(tenant, { worker: "w1", leaseMs: 30_000 });
 * if (claimed !== undefined) {
 *   const { lease, occurrence } = claimed;
 *   console.log(occurrence.at, occurrence.action);
 *   await schedules.finish(lease, { status: "completed" });
 * }
 * ```
 */
export function createSchedules(store: StateStore, options?: SchedulesOptions): Schedules {
  return new Schedules(store, options);
}

export type { LeasedWork } from "../runs/renew-while.js";
export type { SchedulesInUnit } from "./in-unit.js";
export type { ClaimDueInput, FinishInput, RenewOccurrenceInput } from "./input.js";
export type { OccurrenceLease } from "./lease.js";
export type { Occurrence, OccurrenceHolder, OccurrenceOutcome, OccurrenceStatus } from "./occurrence.js";
export type {
  ClaimDueOptions,
  DueOptions,
  HistoryOptions,
  ListSchedulesOptions,
  OccurrencePage,
  SchedulePage,
  ScheduleReceipt,
  SchedulesOptions,
  ScheduleTenant,
} from "./options.js";
export type { ClaimedOccurrence } from "./queue.js";
export type {
  MissedTimes,
  NewSchedule,
  OnCrash,
  Schedule,
  ScheduleRules,
  ScheduleStatus,
  When,
} from "./schedule.js";
export type { Schedules } from "./schedules.js";
