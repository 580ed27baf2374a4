import { tenantIdentity } from "../identity/identity.js";
import { contentCodec } from "../lifecycle/content-codec.js";
import { type StoredAct, withDate } from "../lifecycle/repeat.js";
import type { LifecycleKey, LifecycleState, Whole } from "../lifecycle/stored.js";
import { readStoredLease, type StoredLease } from "../runs/stored-lease.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional, readLongText, readTime } from "../validation/fields.js";
import { readInteger, readObject, readOneOf } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import {
  OCCURRENCE_TRANSITIONS,
  type Occurrence,
  type OccurrenceOutcome,
  type OccurrenceStatus,
} from "./occurrence.js";
import type { OnCrash } from "./schedule.js";

/** What an occurrence was made with. Its time is that of its creation, by which lists are in order. */
export interface OccurrenceContent {
  readonly schedule: string;
  readonly incarnation: string;
  readonly number: number;
  readonly missedSince?: number;
  readonly action: JsonValue;
  readonly onCrash: OnCrash;
  readonly maxAttempts: number;
}

export type StoredOutcome = StoredAct<OccurrenceOutcome>;

/** The part of an occurrence that changes. Times in milliseconds since 1970. */
export interface OccurrenceState extends LifecycleState<OccurrenceStatus> {
  /** The number of the latest lease. */
  readonly fence: number;
  /** The lease, while it is `running`. */
  readonly lease?: StoredLease;
  readonly claimedAt: number;
  readonly end?: StoredOutcome;
}

const STATUSES = Object.keys(OCCURRENCE_TRANSITIONS) as readonly OccurrenceStatus[];

export const STATE_CODEC = mappedJson<OccurrenceState>({
  write: (state) => ({ ...state }) as unknown as JsonValue,
  read(value) {
    const given = readObject(value, "occurrence") as Partial<OccurrenceState>;
    const state = {
      status: readOneOf(given.status, "status", STATUSES),
      createdAt: readTime(given.createdAt, "createdAt"),
      fence: readInteger(given.fence, "fence", 1, Number.MAX_SAFE_INTEGER),
      ...optional(given, "lease", readStoredLease),
      claimedAt: readTime(given.claimedAt, "claimedAt"),
      ...optional(given, "end", readEnd),
    };
    const { status, lease, end } = state;
    const isRunning = status === "running";
    if ((lease !== undefined) !== isRunning || (end !== undefined) === isRunning || isWrongEnd(status, end))
      throw new Error("the status is not what the rest leads to");
    return state;
  },
});

export const CONTENT_CODEC = contentCodec<OccurrenceContent>((content) => {
  const given = content as Partial<OccurrenceContent>;
  if (!("action" in given)) throw new Error("the action is missing");
  return {
    schedule: readKind(given.schedule, "schedule"),
    incarnation: readEventId(given.incarnation, "incarnation"),
    number: readInteger(given.number, "number", 1, Number.MAX_SAFE_INTEGER),
    ...optional(given, "missedSince", readTime),
    action: given.action as JsonValue,
    onCrash: readOneOf<OnCrash>(given.onCrash, "onCrash", ["retry", "fail"]),
    maxAttempts: readInteger(given.maxAttempts, "maxAttempts", 1, 1000),
  };
});

export function keyOfOccurrence(tenant: string, incarnation: string, number: number): LifecycleKey {
  return { identity: tenantIdentity(tenant), id: `${incarnation}.${number}` };
}

/** The occurrence as a caller sees it. */
export function occurrenceOf(
  { identity, id }: LifecycleKey,
  { state, content }: Whole<OccurrenceState, OccurrenceContent>,
): Occurrence {
  const { schedule, number, missedSince, action } = content;
  const { status, createdAt, claimedAt, fence, lease, end } = state;
  return {
    tenant: identity.tenant,
    schedule,
    number,
    id,
    at: new Date(createdAt),
    ...(missedSince !== undefined && { missedSince: new Date(missedSince) }),
    action,
    status,
    claimedAt: new Date(claimedAt),
    attempts: fence,
    ...(lease && { holder: { worker: lease.worker, fence, until: new Date(lease.until) } }),
    ...(end && { outcome: withDate(end) }),
  };
}

function readEnd(value: unknown, field: string): StoredOutcome {
  const given = readObject(value, field) as Partial<StoredOutcome>;
  return {
    at: readTime(given.at, "at"),
    ...optional(given, "error", readLongText),
    ...optional(given, "run", readKind),
    ...optional(given, "crashed", (crashed, name) => {
      if (crashed !== true) throw new Error(`${name} is not true`);
      return true as const;
    }),
    ...optional(given, "token", readEventId),
  };
}

function isWrongEnd(status: OccurrenceStatus, end: StoredOutcome | undefined): boolean {
  return (status === "failed") !== (end?.error !== undefined);
}
