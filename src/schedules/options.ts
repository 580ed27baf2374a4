import type { RedactOption } from "../contract/redact.js";
import type { CallOptions } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import type { LifecycleOptions } from "../lifecycle/lifecycle.js";
import { readDate, readLimit, readNamed, readOptions, readSignal } from "../validation/validate.js";
import type { Occurrence, OccurrenceStatus } from "./occurrence.js";
import type { Schedule, ScheduleStatus } from "./schedule.js";

/** The options of `createSchedules`. */
export interface SchedulesOptions extends LifecycleOptions, RedactOption {}

/** The tenant whose schedules are meant. */
export interface ScheduleTenant {
  /** 1 to 255 UTF-8 bytes. */
  readonly tenant: string;
}

/** The result of a put. */
export interface ScheduleReceipt {
  /** The schedule as it is now. */
  readonly schedule: Schedule;
  /** It said this before: nothing was written. */
  readonly duplicate: boolean;
}

/** Which schedules `list` returns. */
export interface ListSchedulesOptions extends CallOptions {
  /** Only these statuses. Default all. */
  readonly status?: ScheduleStatus | readonly ScheduleStatus[];
  /** Only those of this source. */
  readonly source?: string;
  /** 1 to 1,000. Default 50. */
  readonly limit?: number;
  /** The `next` of the previous page. Absent or `undefined`: the first page. */
  readonly after?: string | undefined;
}

/** A page of schedules. */
export interface SchedulePage {
  /** The one put last first. They can be fewer than `limit` though there are more. */
  readonly schedules: readonly Schedule[];
  /** The cursor of the next page. Absent on the last page. */
  readonly next?: string;
}

/** Which schedules `due` returns. */
export interface DueOptions extends CallOptions {
  /** Those whose next time has come by then. Default: now. */
  readonly at?: Date;
  /** 1 to 1,000. Default 50. */
  readonly limit?: number;
}

/** How long `claimDue` waits. */
export interface ClaimDueOptions extends CallOptions {
  /** 1 to ten years, in milliseconds. Default: the call does not wait. */
  readonly waitMs?: number;
}

/** Which occurrences `history` returns. */
export interface HistoryOptions extends CallOptions {
  /** Only these statuses. Default all. */
  readonly status?: OccurrenceStatus | readonly OccurrenceStatus[];
  /** 1 to 1,000. Default 50. */
  readonly limit?: number;
  /** The `next` of the previous page. Absent or `undefined`: the first page. */
  readonly after?: string | undefined;
}

/** A page of occurrences. */
export interface OccurrencePage {
  /** Newest first, by the schedule's times. They can be fewer than `limit` though there are more. */
  readonly occurrences: readonly Occurrence[];
  /** The cursor of the next page. Absent on the last page. */
  readonly next?: string;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1000;

/** Reads whose schedules are meant, from an object that may be a session's identity too. */
export function readTenant(where: unknown): string {
  const { tenant } = readNamed(where, "tenant", ["tenant", "user", "session"]) as ScheduleTenant;
  return tenantIdentity(tenant).tenant;
}

export function readDue(options: DueOptions | undefined, now: number) {
  const given = readOptions(options, ["at", "limit", "signal"]) as DueOptions;
  return {
    until: "at" in given ? readDate(given.at, "at") : now,
    limit: "limit" in given ? readLimit(given.limit, MAX_LIMIT) : DEFAULT_LIMIT,
    signal: readSignal(given),
  };
}
