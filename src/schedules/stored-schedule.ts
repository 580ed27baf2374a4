import { invalid } from "../contract/errors.js";
import { tenantIdentity } from "../identity/identity.js";
import { contentCodec } from "../lifecycle/content-codec.js";
import type { LifecycleKey, LifecycleState, Whole } from "../lifecycle/stored.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf } from "../typed/names.js";
import { optional, readTime } from "../validation/fields.js";
import { readInteger, readObject, readOneOf } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import type { MissedTimes, OnCrash, Schedule, ScheduleRules, ScheduleStatus } from "./schedule.js";
import { readStoredWhen, type StoredWhen, timeAfter, whenOf } from "./when.js";

export const SCHEDULE_TRANSITIONS = {
  enabled: ["enabled", "disabled", "ended"],
  disabled: ["enabled", "disabled", "ended"],
  ended: ["enabled", "disabled", "ended"],
} as const;

export const STATUSES = Object.keys(SCHEDULE_TRANSITIONS) as readonly ScheduleStatus[];

/** What never changes. */
export interface ScheduleContent {
  readonly name: string;
}

/** What a put says, as it is stored. */
export interface StoredRules extends ScheduleRules {
  readonly when: StoredWhen;
}

/** The part of a schedule that changes. Times in milliseconds since 1970. */
export interface ScheduleState extends LifecycleState<ScheduleStatus>, StoredRules {
  readonly updatedAt: number;
  /** Tells it from a later schedule of the same name. */
  readonly incarnation: string;
  readonly nextAt?: number;
  readonly lastAt?: number;
  readonly countedTo?: number;
  /** The number of the latest occurrence; 0 before the first. */
  readonly number: number;
  /** Occurrences with smaller numbers are kept only while they are under way. */
  readonly oldest: number;
}

const MISSED: readonly MissedTimes[] = ["skip", "once", "all"];
const ON_CRASH: readonly OnCrash[] = ["retry", "fail"];
const DEFAULTS = {
  missed: "once",
  maxMissed: 100,
  graceMs: 60_000,
  onCrash: "retry",
  maxAttempts: 10,
  keep: 100,
};
/** The last missed times are found in about 0.15 ms each, in one piece. */
const MAX_MISSED = 250;
const MAX_GRACE_MS = 86_400_000;
const MAX_KEEP = 1000;

export const STATE_CODEC = mappedJson<ScheduleState>({
  write: (state) => ({ ...state }) as unknown as JsonValue,
  mayBeLarge: () => true,
  read(value) {
    const given = readObject(value, "schedule") as Partial<ScheduleState>;
    const state: ScheduleState = {
      status: readOneOf(given.status, "status", STATUSES),
      createdAt: readTime(given.createdAt, "createdAt"),
      updatedAt: readTime(given.updatedAt, "updatedAt"),
      incarnation: readEventId(given.incarnation, "incarnation"),
      when: readStoredWhen(given.when),
      action: readAction(given),
      ...readRules(given, {}),
      ...optional(given, "nextAt", readTime),
      ...optional(given, "lastAt", readTime),
      ...optional(given, "countedTo", readTime),
      number: readInteger(given.number, "number", 0, Number.MAX_SAFE_INTEGER),
      oldest: readInteger(given.oldest, "oldest", 1, Number.MAX_SAFE_INTEGER),
    };
    const { status, nextAt, lastAt, number } = state;
    if ((nextAt !== undefined) !== (status === "enabled") || (lastAt !== undefined) !== number > 0)
      throw new Error("the status is not what the rest leads to");
    return state;
  },
});

export const CONTENT_CODEC = contentCodec<ScheduleContent>(
  (content) => ({ name: readKind((content as Partial<ScheduleContent>).name, "name") }),
  () => false,
);

/** Reads the rules but for the action, of a caller with defaults, or of a record without. INVALID_RECORD. */
export function readRules(
  value: object,
  defaults: Partial<typeof DEFAULTS> = DEFAULTS,
): Omit<ScheduleRules, "action"> {
  const given = { ...defaults, ...value } as Record<keyof ScheduleRules, unknown>;
  return {
    ...optional(given, "source", readKind),
    missed: readOneOf(given.missed, "missed", MISSED),
    maxMissed: readInteger(given.maxMissed, "maxMissed", 1, MAX_MISSED),
    graceMs: readInteger(given.graceMs, "graceMs", 0, MAX_GRACE_MS),
    onCrash: readOneOf(given.onCrash, "onCrash", ON_CRASH),
    maxAttempts: readInteger(given.maxAttempts, "maxAttempts", 1, 1000),
    keep: readInteger(given.keep, "keep", 1, MAX_KEEP),
  };
}

export function keyOfSchedule(tenant: string, name: unknown): LifecycleKey {
  return { identity: tenantIdentity(tenant), id: digestOf(readKind(name, "name")) };
}

/** The first time after now, and after every time that there was an occurrence of: none comes twice, whatever the clock does. */
export function nextOf(
  { when, lastAt }: Pick<ScheduleState, "when" | "lastAt">,
  now: number,
): number | undefined {
  return timeAfter(when, lastAt === undefined ? now : Math.max(now, lastAt));
}

/** The same for times that are new. A date that is over was missed. */
export function firstOf(state: Pick<ScheduleState, "when" | "lastAt">, now: number): number | undefined {
  return nextOf(state, "at" in state.when ? state.when.at - 1 : now);
}

/** INVALID_RECORD for times that never come. */
export function refuseNever(when: StoredWhen, nextAt: number | undefined): void {
  if (nextAt === undefined && "cron" in when) throw invalid("cron", "an expression that comes true");
}

/** The schedule as a caller sees it. */
export function scheduleOf(
  { identity }: LifecycleKey,
  { state, content }: Whole<ScheduleState, ScheduleContent>,
): Schedule {
  const { nextAt, lastAt, number, incarnation: _, countedTo: __, oldest: ___, when, ...rest } = state;
  return {
    tenant: identity.tenant,
    name: content.name,
    ...rest,
    when: whenOf(when),
    createdAt: new Date(state.createdAt),
    updatedAt: new Date(state.updatedAt),
    ...(nextAt !== undefined && { nextAt: new Date(nextAt) }),
    ...(lastAt !== undefined && { lastAt: new Date(lastAt) }),
    occurrences: number,
  } as Schedule;
}

function readAction(given: object): JsonValue {
  if (!("action" in given)) throw new Error("the action is missing");
  return given.action as JsonValue;
}
