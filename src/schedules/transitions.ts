import { isDeepStrictEqual } from "node:util";
import type { EventId } from "../contract/store.js";
import { isRepeat } from "../lifecycle/repeat.js";
import type { Transition } from "../lifecycle/stored.js";
import { fenced, type HeldLease, holds } from "../runs/lease.js";
import { hasPassed, type StoredLease } from "../runs/stored-lease.js";
import type { OccurrenceContent, OccurrenceState, StoredOutcome } from "./stored-occurrence.js";
import {
  firstOf,
  nextOf,
  refuseNever,
  type ScheduleContent,
  type ScheduleState,
  type StoredRules,
} from "./stored-schedule.js";
import { type Taken, takeNext } from "./take.js";
import { type GivenWhen, whenAfter } from "./when.js";

export type ScheduleTransition = Transition<ScheduleState, ScheduleContent>;
export type OccurrenceTransition = Transition<OccurrenceState, OccurrenceContent>;

/** A put that was read. */
export interface NewRules extends Omit<StoredRules, "when"> {
  readonly when: GivenWhen;
}

export interface NewClaim {
  readonly worker: string;
  readonly leaseMs: number;
  readonly leaseId: EventId;
  /** By this a repeated claim is recognised. */
  readonly token?: string;
  readonly next?: true;
}

export type NewOutcome = Omit<StoredOutcome, "at"> & { readonly status: "completed" | "failed" };

/** How many occurrences a claim forgets at most that are not to be kept: one takes the place of another, and a few more. */
const MAX_FORGOTTEN = 4;

/** The state of a new schedule. INVALID_RECORD for times that never come. */
export function newSchedule(
  { when: given, ...rules }: NewRules,
  enabled: boolean,
  incarnation: string,
): (now: number) => ScheduleState {
  return (now) => {
    const when = whenAfter(undefined, given, now);
    const state: ScheduleState = {
      ...rules,
      when,
      status: "disabled",
      createdAt: now,
      updatedAt: now,
      incarnation,
      number: 0,
      oldest: 1,
    };
    const first = firstOf(state, now);
    refuseNever(when, first);
    return enabled ? enabledFrom(state, first) : state;
  };
}

/**
 * Changes what a schedule says; the same object if it says that already. With other times the next one is the first after now.
 * INVALID_RECORD for times that never come.
 */
export function put({ when: given, ...rules }: NewRules, enabled: boolean | undefined): ScheduleTransition {
  return (state, { now }) => {
    const when = whenAfter(state.when, given, now);
    const isSameTimes = isDeepStrictEqual(when, state.when);
    const { source: _, ...rest } = state;
    const changed = { ...rest, ...rules, when };
    if (!isSameTimes) refuseNever(when, firstOf(changed, now));
    const wasDisabled = state.status === "disabled";
    const isWanted = enabled ?? !wasDisabled;
    const next = isWanted ? withTimes(changed, now, { isSameTimes, wasDisabled }) : disabled(changed);
    return isDeepStrictEqual(next, state) ? state : { ...next, updatedAt: now };
  };
}

function withTimes(
  state: ScheduleState,
  now: number,
  { isSameTimes, wasDisabled }: { readonly isSameTimes: boolean; readonly wasDisabled: boolean },
): ScheduleState {
  if (!isSameTimes) return enabledFrom(state, firstOf(state, now));
  // Times while it was disabled are not missed.
  return wasDisabled ? enabledFrom(state, nextOf(state, now)) : state;
}

/** Times while it is disabled are not missed. */
export function setEnabled(enabled: boolean): ScheduleTransition {
  return (state, { now }) => {
    if ((state.status === "disabled") !== enabled) return state;
    const changed = enabled ? enabledFrom(state, nextOf(state, now)) : disabled(state);
    return { ...changed, updatedAt: now };
  };
}

/** Takes a time of a schedule that is due: what of it is claimed, and the state after. */
export function take(
  state: ScheduleState,
  now: number,
): { readonly taken: Taken; readonly state: ScheduleState } | undefined {
  const { nextAt: due, countedTo: _, ...rest } = state;
  if (due === undefined || due > now) return undefined;
  const taken = takeNext({ ...state, nextAt: due }, now);
  const { time, nextAt, countedTo } = taken;
  const number = state.number + (time === undefined ? 0 : 1);
  return {
    taken,
    state: {
      ...rest,
      status: nextAt === undefined ? "ended" : "enabled",
      ...(nextAt !== undefined && { nextAt }),
      ...(countedTo !== undefined && { countedTo }),
      ...(time && { lastAt: time.at }),
      number,
      oldest: Math.max(state.oldest, Math.min(number - state.keep + 1, state.oldest + MAX_FORGOTTEN)),
    },
  };
}

/** Gives the lease of an occurrence that has passed to another worker, or says that it has failed; `undefined` if it holds. */
export function takeOver(claim: NewClaim) {
  return (
    { lease, ...state }: OccurrenceState,
    { now, content: { onCrash, maxAttempts } }: { readonly now: number; readonly content: OccurrenceContent },
  ): OccurrenceState | undefined => {
    if (lease === undefined || !hasPassed(lease, now)) return undefined;
    if (onCrash === "fail" || state.fence >= maxAttempts) {
      const error = `the lease of worker ${state.fence} passed before the occurrence was finished`;
      return { ...state, status: "failed", end: { at: now, error, crashed: true } };
    }
    return { ...state, fence: state.fence + 1, lease: leaseFrom(claim, now) };
  };
}

/** The lease that a claim gives. */
export function leaseFrom({ leaseMs, ...claim }: NewClaim, now: number): StoredLease {
  return { ...claim, until: now + leaseMs };
}

/** Prolongs the lease from now on. FENCED. */
export function renew(held: HeldLease, leaseMs: number): OccurrenceTransition {
  return (state, { now }) => ({ ...state, lease: { ...heldLease(held, state), until: now + leaseMs } });
}

/** Ends an occurrence. The same call again gets the same answer. FENCED. */
export function finish({ status, ...made }: NewOutcome, held: HeldLease): OccurrenceTransition {
  return (state, { now }) => {
    if (state.status === status && state.end && isRepeat(state.end, made)) return state;
    heldLease(held, state);
    const { lease: _, ...rest } = state;
    return { ...rest, status, end: { ...made, at: now } };
  };
}

function heldLease(held: HeldLease, state: OccurrenceState): NonNullable<OccurrenceState["lease"]> {
  const { status, fence, lease } = state;
  const leased = { status, fence, ...(lease && { lease }) };
  if (lease === undefined || !holds(held, leased)) throw fenced(held, leased, "occurrence");
  return lease;
}

function disabled({ nextAt: _, countedTo: __, ...state }: ScheduleState): ScheduleState {
  return { ...state, status: "disabled" };
}

function enabledFrom(
  { nextAt: _, countedTo: __, ...state }: ScheduleState,
  nextAt: number | undefined,
): ScheduleState {
  return nextAt === undefined ? { ...state, status: "ended" } : { ...state, status: "enabled", nextAt };
}
