import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional, readLongText, readTime } from "../validation/fields.js";
import { readInteger, readObject, readOneOf } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import type { HeldLease } from "./lease.js";
import { type RunStep, STEP_STATUSES, type StepStatus } from "./step.js";
import {
  addUsage,
  formatUsage,
  isSameUsage,
  NO_USAGE,
  readSums,
  type UsageSums,
  writeSums,
} from "./usage.js";

/** What a step was begun with. */
export interface StepNotes {
  readonly name?: string;
  readonly metadata?: JsonValue;
}

/** How an attempt ended: it failed if it has an error. */
export interface StepEnd {
  readonly usage: UsageSums;
  readonly error?: string;
}

/** A step as it is stored. Times are in milliseconds since 1970. */
export interface StoredStep extends StepNotes {
  readonly key: string;
  readonly number: number;
  readonly status: StepStatus;
  readonly attempts: number;
  readonly worker: string;
  readonly fence: number;
  readonly leaseId: string;
  readonly beganAt: number;
  readonly endedAt?: number;
  readonly usage: UsageSums;
  /** What the latest attempt used: by this a repeated call is recognised. */
  readonly used?: UsageSums;
  readonly error?: string;
}

export const STEP_CODEC = mappedJson<StoredStep>({
  write: ({ usage, used, ...step }) =>
    ({ ...step, usage: writeSums(usage), ...(used && { used: writeSums(used) }) }) as unknown as JsonValue,
  mayBeLarge: ({ metadata }) => metadata !== undefined,
  read(value) {
    const given = readObject(value, "step") as Partial<StoredStep>;
    const step = {
      key: readKind(given.key, "key"),
      number: readInteger(given.number, "number", 1, Number.MAX_SAFE_INTEGER),
      status: readOneOf(given.status, "status", STEP_STATUSES),
      ...optional(given, "name", readKind),
      ...optional(given, "metadata", (metadata) => metadata as JsonValue),
      attempts: readInteger(given.attempts, "attempts", 1, Number.MAX_SAFE_INTEGER),
      worker: readKind(given.worker, "worker"),
      fence: readInteger(given.fence, "fence", 1, Number.MAX_SAFE_INTEGER),
      leaseId: readEventId(given.leaseId, "leaseId"),
      beganAt: readTime(given.beganAt, "beganAt"),
      ...optional(given, "endedAt", readTime),
      usage: readSums(given.usage, "usage"),
      ...optional(given, "used", readSums),
      ...optional(given, "error", readLongText),
    };
    const hasEnded = step.status !== "running";
    const agrees =
      (step.endedAt !== undefined) === hasEnded &&
      (step.used !== undefined) === hasEnded &&
      (step.error !== undefined) === (step.status === "failed");
    if (!agrees) throw new Error("the status is not what the rest leads to");
    return step;
  },
});

/** The step at the beginning of an attempt. */
export function begunStep(
  before: StoredStep | undefined,
  number: number,
  {
    key,
    held,
    notes,
    now,
  }: { readonly key: string; readonly held: HeldLease; readonly notes: StepNotes; readonly now: number },
): StoredStep {
  const { worker, fence, leaseId } = held;
  return {
    ...notes,
    key,
    number: before?.number ?? number,
    status: "running",
    attempts: (before?.attempts ?? 0) + 1,
    worker,
    fence,
    leaseId,
    beganAt: now,
    usage: before?.usage ?? NO_USAGE,
  };
}

/** The step at the end of an attempt. */
export function endedStep(step: StoredStep, { usage, error }: StepEnd, now: number): StoredStep {
  const isFailed = error !== undefined;
  return {
    ...step,
    status: isFailed ? "failed" : "finished",
    endedAt: now,
    usage: addUsage(step.usage, usage),
    used: usage,
    ...(isFailed ? { error } : {}),
  };
}

/** Whether this lease ended the step so. Its result is compared apart. */
export function isEndedSo({ leaseId, used, error }: StoredStep, held: HeldLease, end: StepEnd): boolean {
  return (
    leaseId === held.leaseId && used !== undefined && isSameUsage(used, end.usage) && error === end.error
  );
}

/** The step as a caller sees it. It shares objects with `step`. */
export function stepOf({ leaseId: _, used: __, beganAt, endedAt, usage, ...step }: StoredStep): RunStep {
  return {
    ...step,
    beganAt: new Date(beganAt),
    ...(endedAt === undefined ? {} : { endedAt: new Date(endedAt) }),
    usage: formatUsage(usage),
  };
}
