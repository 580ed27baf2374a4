import type { EventId } from "../contract/store.js";
import { isRepeat } from "../lifecycle/repeat.js";
import type { Transition } from "../lifecycle/stored.js";
import { usedUp } from "./budget.js";
import { leaseHeld, wrongStatus } from "./errors.js";
import { fenced, type HeldLease, holds } from "./lease.js";
import { RUN_TRANSITIONS, type RunBudget, type RunStatus } from "./run.js";
import { hasPassed } from "./stored-lease.js";
import {
  type RunContent,
  type RunState,
  runningMsAt,
  type StoredEnd,
  type StoredPause,
  type StoredResume,
} from "./stored-run.js";
import { addUsage, type UsageSums } from "./usage.js";

export type RunTransition = Transition<RunState, RunContent>;

export interface NewClaim {
  readonly worker: string;
  readonly leaseMs: number;
  readonly leaseId: EventId;
  readonly token?: string;
  /** The next one of a queue is claimed. */
  readonly next?: true;
}

export type NewEnd = Omit<StoredEnd, "at"> & {
  readonly status: "completed" | "failed" | "cancelled" | "halted";
};
export type NewPause = Omit<StoredPause, "at">;
export type NewResume = Omit<StoredResume, "at">;

/**
 * Gives a lease of a run that is pending, or whose lease has passed. A run whose time is used up is halted instead.
 * LEASE_HELD, WRONG_STATUS.
 */
export function claim({ worker, leaseMs, leaseId, token, next }: NewClaim): RunTransition {
  return (state, { now, content: { budget } }) => {
    const { lease, status } = state;
    if (lease !== undefined) {
      if (token !== undefined && lease.token === token && lease.worker === worker) return state;
      if (!hasPassed(lease, now)) throw leaseHeld(lease.worker, lease.until);
    } else if (status !== "pending") throw wrongStatus(status, "claimed");
    // Of the time of a worker that was killed, only that of its lease counts.
    const idle = stopped(state, untilOf(state, now));
    const halted = haltIfUsedUp(idle, now, budget, undefined);
    if (halted !== idle) return halted;
    return {
      ...idle,
      status: "running",
      fence: state.fence + 1,
      lease: {
        leaseId,
        worker,
        until: now + leaseMs,
        ...(token === undefined ? {} : { token }),
        ...(next && { next }),
      },
      claimedAt: state.claimedAt ?? now,
      runningSince: now,
    };
  };
}

/** Prolongs the lease from now on. A run whose time is used up is halted instead. FENCED. */
export function renew(held: HeldLease, leaseMs: number): RunTransition {
  return (state, { now, content: { budget } }) => {
    const lease = heldLease(held, state);
    const counted = { ...counting(state, now), lease: { ...lease, until: now + leaseMs } };
    return haltIfUsedUp(counted, now, budget, held);
  };
}

/** Gives the run back: another worker may claim it at once. FENCED. */
export function release(held: HeldLease): RunTransition {
  return (state, { now }) => {
    if (state.status === "pending" && state.released === held.leaseId) return state;
    heldLease(held, state);
    return { ...stopped(state, now), status: "pending", released: held.leaseId };
  };
}

/** Ends a run, with a lease only while that holds. The same call again gets the same answer. FENCED, WRONG_STATUS. */
export function end({ status, ...made }: NewEnd, held?: HeldLease): RunTransition {
  return (state, { now }) => {
    if (state.status === status && state.end && isRepeat(state.end, made)) return state;
    if (held !== undefined) heldLease(held, state);
    requireTransition(state, status, status);
    return ended(state, untilBy(held, state, now), now, { status, made });
  };
}

/** WRONG_STATUS; FENCED with a lease that does not hold. */
export function pause(made: NewPause, held?: HeldLease): RunTransition {
  return (state, { now }) => {
    if ([state.pause, state.paused].some((before) => before && isRepeat(before, made))) return state;
    if (held !== undefined) heldLease(held, state);
    requireTransition(state, "paused", "paused");
    return { ...stopped(state, untilBy(held, state, now)), status: "paused", pause: { ...made, at: now } };
  };
}

/** Makes a paused run pending. WRONG_STATUS. */
export function resume(made: NewResume): RunTransition {
  return (state, { now }) => {
    if (state.resume && isRepeat(state.resume, made)) return state;
    if (state.status !== "paused") throw wrongStatus(state.status, "resumed");
    return { ...unpaused(state), status: "pending", resume: { ...made, at: now } };
  };
}

/** Changes nothing, but only while the lease holds. FENCED. */
export function requireLease(held: HeldLease): RunTransition {
  return (state) => {
    heldLease(held, state);
    return state;
  };
}

/** Counts a step that begins. FENCED. */
export function countStep(held: HeldLease): RunTransition {
  return (state, { now }) => {
    heldLease(held, state);
    return { ...counting(state, now), steps: state.steps + 1 };
  };
}

/** Adds what a step used, and halts the run if that used up its budget, unless the same commit ends the run. FENCED. */
export function addStepUsage(
  held: HeldLease,
  usage: UsageSums,
  { newSteps, isLast }: { readonly newSteps: 0 | 1; readonly isLast: boolean },
): RunTransition {
  return (state, { now, content: { budget } }) => {
    heldLease(held, state);
    const counted = {
      ...counting(state, now),
      usage: addUsage(state.usage, usage),
      steps: state.steps + newSteps,
    };
    return isLast ? counted : haltIfUsedUp(counted, now, budget, held);
  };
}

/** Two changes in one. */
export function inOrder(first: RunTransition, second: RunTransition): RunTransition {
  return (state, moment) => {
    const between = first(state, moment);
    return second(between, { ...moment, status: between.status });
  };
}

function heldLease(held: HeldLease, state: RunState): NonNullable<RunState["lease"]> {
  if (state.lease === undefined || !holds(held, state)) throw fenced(held, state);
  return state.lease;
}

function requireTransition({ status }: RunState, to: RunStatus, action: string): void {
  if (!(RUN_TRANSITIONS[status] as readonly RunStatus[]).includes(to)) throw wrongStatus(status, action);
}

/** The state of a running run with its time counted up to now. */
function counting(state: RunState, now: number): RunState {
  return { ...state, runningMs: runningMsAt(state, now), runningSince: now };
}

/** The state without its lease; the time up to `until` is counted. */
function stopped(state: RunState, until: number): RunState {
  const { lease: _, runningSince: __, ...rest } = state;
  return { ...rest, runningMs: runningMsAt(state, until) };
}

/** Up to when a run was running, as far as anybody but its worker can know. */
function untilOf({ lease }: RunState, now: number): number {
  return lease === undefined ? now : Math.min(now, lease.until);
}

function untilBy(held: HeldLease | undefined, state: RunState, now: number): number {
  return held === undefined ? untilOf(state, now) : now;
}

function ended(
  state: RunState,
  until: number,
  now: number,
  { status, made }: { readonly status: NewEnd["status"]; readonly made: Omit<NewEnd, "status"> },
): RunState {
  return { ...unpaused(stopped(state, until)), status, end: { ...made, at: now } };
}

function unpaused({ pause, ...state }: RunState): RunState {
  return pause === undefined ? state : { ...state, paused: pause };
}

function haltIfUsedUp(
  state: RunState,
  now: number,
  budget: RunBudget | undefined,
  held: HeldLease | undefined,
): RunState {
  const limit = usedUp(budget, state.usage, runningMsAt(state, now));
  if (limit === undefined) return state;
  const token = held === undefined ? {} : { token: held.leaseId };
  const made = { reason: `the budget of ${limit} is used up`, limit, ...token };
  return ended(state, now, now, { status: "halted", made });
}
