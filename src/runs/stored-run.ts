import { bareOutcome } from "../lifecycle/bare-outcome.js";
import { contentCodec } from "../lifecycle/content-codec.js";
import { type StoredAct, withDate } from "../lifecycle/repeat.js";
import type { LifecycleKey, LifecycleState, Whole } from "../lifecycle/stored.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional, readLongText, readTime } from "../validation/fields.js";
import { readObject, readOneOf } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import { readBudget } from "./budget.js";
import {
  BUDGET_LIMITS,
  RUN_TRANSITIONS,
  type Run,
  type RunBudget,
  type RunOutcome,
  type RunPause,
  type RunStatus,
} from "./run.js";
import { readStoredLease, type StoredLease } from "./stored-lease.js";
import { formatUsage, readCount, readSums, type UsageSums, writeSums } from "./usage.js";

/** The key of a run. */
export type RunKey = LifecycleKey;

/** What a run was started with; it never changes. */
export interface RunContent {
  readonly name?: string;
  readonly input?: JsonValue;
  readonly policy?: string;
  readonly budget?: RunBudget;
  readonly metadata?: JsonValue;
  readonly parent?: string;
}

export type StoredPause = StoredAct<RunPause>;
export type StoredResume = Omit<StoredPause, "reason">;
/** A call that was made with a lease, and without a token, has the lease's id in place of one. */
export type StoredEnd = StoredAct<RunOutcome>;

/** The part of a run that changes. Times are in milliseconds since 1970. */
export interface RunState extends LifecycleState<RunStatus> {
  /** The number of the latest lease; 0 before the first. */
  readonly fence: number;
  /** The lease, while the run is `running`. */
  readonly lease?: StoredLease;
  readonly claimedAt?: number;
  readonly usage: UsageSums;
  /** The number of steps that were begun. */
  readonly steps: number;
  /** For how long it was running, as far as that is counted. */
  readonly runningMs: number;
  /** While it is `running`: the time up to which it is counted. */
  readonly runningSince?: number;
  readonly pause?: StoredPause;
  /** The latest pause that is over, so that it is recognised when it comes again. */
  readonly paused?: StoredPause;
  /** The latest `resume`, for the same reason. */
  readonly resume?: StoredResume;
  /** The lease that was released last, for the same reason. */
  readonly released?: string;
  readonly end?: StoredEnd;
}

export const STATUSES = Object.keys(RUN_TRANSITIONS) as readonly RunStatus[];

/** Decoding refuses a status that does not fit the lease, the pause and the end. */
export const STATE_CODEC = mappedJson<RunState>({
  write: ({ usage, ...state }) => ({ ...state, usage: writeSums(usage) }) as unknown as JsonValue,
  mayBeLarge: ({ end }) => end?.result !== undefined,
  read(value) {
    const given = readObject(value, "run") as Partial<RunState>;
    const state = {
      status: readOneOf(given.status, "status", STATUSES),
      createdAt: readTime(given.createdAt, "createdAt"),
      fence: readCount(given.fence, "fence"),
      ...optional(given, "lease", readStoredLease),
      ...optional(given, "claimedAt", readTime),
      usage: readSums(given.usage, "usage"),
      steps: readCount(given.steps, "steps"),
      runningMs: readCount(given.runningMs, "runningMs"),
      ...optional(given, "runningSince", readTime),
      ...optional(given, "pause", readPause),
      ...optional(given, "paused", readPause),
      ...optional(given, "resume", readAct),
      ...optional(given, "released", readEventId),
      ...optional(given, "end", readEnd),
      ...optional(given, "payloadRemovedAt", readTime),
    };
    refuseContradiction(state);
    return state;
  },
});

export const CONTENT_CODEC = contentCodec(
  readContent,
  ({ input, metadata }) => input !== undefined || metadata !== undefined,
);

/** The state of a run that was just started. */
export function newRun(now: number): RunState {
  return {
    status: "pending",
    createdAt: now,
    fence: 0,
    usage: { tokens: 0, cost: 0n, loops: 0 },
    steps: 0,
    runningMs: 0,
  };
}

/** For how long a run was running, up to a time. A clock that was set back adds nothing. */
export function runningMsAt({ runningMs, runningSince }: RunState, now: number): number {
  return runningSince === undefined ? runningMs : runningMs + Math.max(0, now - runningSince);
}

/** The run as a caller sees it. It shares objects with `whole`. */
export function runOf({ identity, id }: RunKey, { state, content }: Whole<RunState, RunContent>): Run {
  const { status, createdAt, claimedAt, usage, steps, runningMs, fence, lease, pause, end } = state;
  return {
    id,
    identity,
    status,
    ...content,
    createdAt: new Date(createdAt),
    ...(claimedAt === undefined ? {} : { claimedAt: new Date(claimedAt) }),
    usage: { ...formatUsage(usage), seconds: runningMs / 1000, steps },
    claims: fence,
    ...(lease && { holder: { worker: lease.worker, fence, until: new Date(lease.until) } }),
    ...(pause && { pause: withDate(pause) }),
    ...(end && { outcome: withDate(end) }),
    ...(state.payloadRemovedAt !== undefined && { payloadRemovedAt: new Date(state.payloadRemovedAt) }),
  };
}

/** A run that has ended without its input, its result and the text of its error. */
export function withoutPayload({
  state,
  content: { input: _, ...content },
}: Whole<RunState, RunContent>): Whole<RunState, RunContent> {
  return { state: state.end ? { ...state, end: bareOutcome(state.end) } : state, content };
}

function readContent(value: unknown): RunContent {
  const given = readObject(value, "content") as RunContent;
  return {
    ...optional(given, "name", readKind),
    ...optional(given, "input", acceptParsed),
    ...optional(given, "policy", readKind),
    ...optional(given, "budget", readBudget),
    ...optional(given, "metadata", acceptParsed),
    ...optional(given, "parent", readKind),
  };
}

function readAct(value: unknown, field: string): StoredResume {
  const given = readObject(value, field) as Partial<StoredResume>;
  return {
    at: readTime(given.at, "at"),
    ...optional(given, "by", readKind),
    ...optional(given, "token", readEventId),
  };
}

function readPause(value: unknown, field: string): StoredPause {
  const given = readObject(value, field) as Partial<StoredPause>;
  return { ...readAct(value, field), ...optional(given, "reason", readLongText) };
}

function readEnd(value: unknown, field: string): StoredEnd {
  const given = readObject(value, field) as Partial<StoredEnd>;
  return {
    ...readPause(value, field),
    ...optional(given, "result", acceptParsed),
    ...optional(given, "error", readLongText),
    ...optional(given, "limit", (limit, name) => readOneOf(limit, name, BUDGET_LIMITS)),
  };
}

/** The value came from parsed JSON. */
function acceptParsed(value: unknown): JsonValue {
  return value as JsonValue;
}

function refuseContradiction({ status, fence, lease, runningSince, claimedAt, pause, end }: RunState): void {
  const isRunning = status === "running";
  const agrees =
    (lease !== undefined) === isRunning &&
    (runningSince !== undefined) === isRunning &&
    (claimedAt !== undefined) === fence > 0 &&
    (pause !== undefined) === (status === "paused") &&
    (end !== undefined) === (RUN_TRANSITIONS[status].length === 0) &&
    (end?.error !== undefined) === (status === "failed") &&
    (status === "halted" ? end?.reason !== undefined : end?.limit === undefined) &&
    (status === "completed" || end?.result === undefined);
  if (!agrees) throw new Error("the status is not what the rest leads to");
}
