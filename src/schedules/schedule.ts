import type { JsonValue } from "../typed/json-value.js";

/**
 * When the occurrences of a schedule are.
 *
 * - `cron`: five fields (minute, hour, day of the month, month, day of the week) or a nickname such as `@daily`, in an IANA
 *   time zone (default UTC). Where both days are restricted, either of them counts, as in every cron.
 * - `at`: once.
 * - `everyMs`: 1,000 milliseconds to ten years, from `startAt` on. Without `startAt` the first is one interval after the put.
 */
export type When =
  | { readonly cron: string; readonly timeZone?: string }
  | { readonly at: Date }
  | { readonly everyMs: number; readonly startAt?: Date };

/** `ended`: there is no time left, such as for an `at` that has been. */
export type ScheduleStatus = "enabled" | "disabled" | "ended";

/**
 * What becomes of missed times: those that nobody claimed within `graceMs`, because no worker ran.
 *
 * - `skip`: nothing.
 * - `once`: one occurrence, at the last of them, stands for all.
 * - `all`: each gets its occurrence, the oldest first, but no more than the latest `maxMissed`.
 */
export type MissedTimes = "skip" | "once" | "all";

/** What becomes of an occurrence whose worker's lease has passed: another worker gets it, or it has failed. */
export type OnCrash = "retry" | "fail";

/** What a schedule says beside its name and times. */
export interface ScheduleRules {
  /** What is to be done: any JSON. */
  readonly action: JsonValue;
  /** Who made the schedule, in the caller's words. */
  readonly source?: string;
  /** What becomes of missed times. */
  readonly missed: MissedTimes;
  /** How many missed times `all` makes up for. */
  readonly maxMissed: number;
  /** A time is missed when nobody has claimed it after so many milliseconds. */
  readonly graceMs: number;
  /** What becomes of an occurrence whose worker was killed. */
  readonly onCrash: OnCrash;
  /** With `retry`: after so many leases that passed the occurrence has failed. */
  readonly maxAttempts: number;
  /** How many of the latest occurrences the history keeps. Those under way are kept besides. */
  readonly keep: number;
}

/** A schedule of a tenant. */
export interface Schedule extends ScheduleRules {
  /** The tenant. */
  readonly tenant: string;
  /** Its name, unique in the tenant. */
  readonly name: string;
  /** Whether it has occurrences. */
  readonly status: ScheduleStatus;
  /** When they are. */
  readonly when: When;
  /** When it was put first. */
  readonly createdAt: Date;
  /** When what it says was changed last. */
  readonly updatedAt: Date;
  /** The first time that nobody has claimed yet. Absent unless it is `enabled`. */
  readonly nextAt?: Date;
  /** The time of the latest occurrence. Absent before the first. */
  readonly lastAt?: Date;
  /** How many occurrences it has had. */
  readonly occurrences: number;
}

/** A schedule to put. Names are 1 to 512 UTF-8 bytes. */
export interface NewSchedule {
  /** Unique in the tenant: a put of the same name changes that schedule. */
  readonly name: string;
  /** When its occurrences are. */
  readonly when: When;
  /** What is to be done: any JSON up to 64 KiB. An occurrence keeps the one of its time. */
  readonly action: JsonValue | object;
  /** Default: as it is, and for a new schedule true. A put by a program at its start leaves what an operator disabled. */
  readonly enabled?: boolean;
  /** Who makes the schedule, such as `config` or `agent`: schedules are listed by it. */
  readonly source?: string;
  /** Default `once`. */
  readonly missed?: MissedTimes;
  /** 1 to 250. Default 100. */
  readonly maxMissed?: number;
  /** 0 to 86,400,000. Default 60,000. */
  readonly graceMs?: number;
  /** Default `retry`. */
  readonly onCrash?: OnCrash;
  /** 1 to 1,000. Default 10. */
  readonly maxAttempts?: number;
  /** 1 to 1,000. Default 100. */
  readonly keep?: number;
  /** Makes the call happen once: it then never undoes a later put. 1 to 105 UTF-8 bytes, unique among those of this name. */
  readonly id?: string;
}
