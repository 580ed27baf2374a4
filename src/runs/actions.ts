import { invalid } from "../contract/errors.js";
import type { EventId } from "../contract/store.js";
import type { Repeatable } from "../lifecycle/repeat.js";
import { newEventId } from "../process/event-id.js";
import type { InputReader } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import { readScopedId } from "../typed/names.js";
import { optional } from "../validation/fields.js";
import { readNamed } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import { readBudget } from "./budget.js";
import { type HeldLease, type Lease, readLease, readLeaseMs } from "./lease.js";
import type { RunBudgetInput } from "./run.js";
import type { NewStepEnd } from "./steps.js";
import type { RunContent } from "./stored-run.js";
import type { StepNotes } from "./stored-step.js";
import type { NewClaim, NewEnd, NewPause, NewResume } from "./transitions.js";
import { readUsage, type StepUsageInput } from "./usage.js";

/** What a run is started with. Names are 1 to 512 UTF-8 bytes. */
export interface StartInput {
  /** The caller's idempotency key, 1 to 105 UTF-8 bytes. It becomes the run's id. A repeated start is a duplicate. */
  readonly id?: string;
  /** What is run, in the caller's words: runs are listed and claimed by it. */
  readonly name?: string;
  /**
   * Any JSON. With `metadata` it must fit into the store's `maxBytes`. Values larger than 32 KiB are copied in slices and
   * must not change until the promise settles.
   */
  readonly input?: JsonValue | object;
  /** The name of the policy that applies to it. */
  readonly policy?: string;
  /** What it may use at most. */
  readonly budget?: RunBudgetInput;
  /** The caller's notes: any JSON. */
  readonly metadata?: JsonValue | object;
  /** The id of the run of this session that starts it, 1 to 105 UTF-8 bytes. */
  readonly parent?: string;
}

/** Who claims a run, and for how long. */
export interface ClaimInput extends Repeatable {
  /** Who works on the run: 1 to 512 UTF-8 bytes. */
  readonly worker: string;
  /** How long the run is the worker's alone, unless it renews the lease: 1 to 86,400,000 milliseconds. */
  readonly leaseMs: number;
}

/** Which run `claimNext` takes, who claims it, and for how long. */
export interface ClaimNextInput extends Omit<ClaimInput, "token"> {
  /**
   * Of this call: 1 to 128 UTF-8 bytes. The same call again, such as after a lost answer, gets the same run and lease while
   * that lease holds, and not another run.
   */
  readonly token?: string;
  /** Only runs of this name. */
  readonly name?: string;
}

/** For how long a lease is renewed. */
export interface RenewInput {
  /** From now on: 1 to 86,400,000 milliseconds. */
  readonly leaseMs: number;
}

/** What a run returned. */
export interface CompleteInput {
  /** Any JSON. Values larger than 32 KiB must not change until the promise settles. */
  readonly result?: JsonValue | object;
  /** Who says so: 1 to 512 UTF-8 bytes. */
  readonly by?: string;
}

/** Why a run failed. */
export interface FailInput {
  /** Up to 16 KiB. */
  readonly error: string;
  /** Who says so: 1 to 512 UTF-8 bytes. */
  readonly by?: string;
}

/** Why a run is cancelled or paused, and by whom. */
export interface StopInput extends Repeatable {
  /** Up to 16 KiB. */
  readonly reason?: string;
  /** Who does it: 1 to 512 UTF-8 bytes. */
  readonly by?: string;
  /** Only while this lease holds: FENCED otherwise. With it the call can be repeated without a token. */
  readonly lease?: Lease;
}

/** Why a run is halted, and by whom. */
export interface HaltInput extends StopInput {
  /** Up to 16 KiB. */
  readonly reason: string;
}

/** Who resumes a run. */
export interface ResumeInput extends Repeatable {
  /** Who does it: 1 to 512 UTF-8 bytes. */
  readonly by?: string;
}

/** What a step is begun with. */
export interface BeginStepInput {
  /** What is done, in the caller's words: 1 to 512 UTF-8 bytes. */
  readonly name?: string;
  /** The caller's notes: any JSON that fits into the store's `maxBytes`. */
  readonly metadata?: JsonValue | object;
}

/** How a step ended. */
export interface FinishStepInput {
  /** What it used. A step is one loop unless `loops` says otherwise. Default one loop and nothing else. */
  readonly usage?: StepUsageInput;
  /** What it returned: any JSON. `stepResult` reads it. */
  readonly result?: JsonValue | object;
  /** Why it failed: up to 16 KiB. A failed step has no result, and can be begun again. */
  readonly error?: string;
  /**
   * Completes the run in the same commit. The work is done, so the run is `completed` also where this step uses up its
   * budget.
   */
  readonly complete?: CompleteInput;
}

/** A stop that was read. */
export interface Stop<T> {
  readonly made: T;
  readonly held: HeldLease | undefined;
}

/** Checks and copies what a run is started with. INVALID_RECORD, also as soon as it must exceed `maxBytes`. */
export async function readStart(
  input: unknown,
  maxBytes: number,
  inputs: InputReader,
): Promise<{ readonly content: RunContent; readonly id?: string }> {
  const names = ["id", "name", "input", "policy", "budget", "metadata", "parent"];
  const given: StartInput = { ...readNamed(input, "run", names) };
  const { id } = optional(given, "id", readScopedId);
  const rest = {
    ...optional(given, "name", readKind),
    ...optional(given, "policy", readKind),
    ...optional(given, "budget", readBudget),
    ...optional(given, "parent", readScopedId),
  };
  // Both copies begin before the first await, so small values are copied before the caller can change them.
  const [started, metadata] = await Promise.all([
    readJson(given, "input", maxBytes, inputs),
    readJson(given, "metadata", maxBytes, inputs),
  ]);
  return { content: { ...rest, ...started, ...metadata }, ...(id === undefined ? {} : { id }) };
}

export function readClaim(input: unknown): NewClaim {
  const { worker, leaseMs, ...given } = {
    ...readNamed(input, "input", ["worker", "leaseMs", "token"]),
  } as ClaimInput;
  return { ...readHolder(worker, leaseMs), ...optional(given, "token", readEventId) };
}

export function readClaimNext(input: unknown): {
  readonly claim: NewClaim;
  readonly name: string | undefined;
} {
  const { worker, leaseMs, ...given } = {
    ...readNamed(input, "input", ["worker", "leaseMs", "name", "token"]),
  } as ClaimNextInput;
  const { token } = optional(given, "token", readEventId);
  const again = token === undefined ? {} : ({ token, next: true } as const);
  return {
    claim: { ...readHolder(worker, leaseMs), ...again },
    name: optional(given, "name", readKind).name,
  };
}

export function readRenew(input: unknown): number {
  return readLeaseMs((readNamed(input, "input", ["leaseMs"]) as RenewInput).leaseMs, "leaseMs");
}

export async function readComplete(
  lease: HeldLease,
  input: unknown,
  maxBytes: number,
  inputs: InputReader,
): Promise<NewEnd> {
  const given: CompleteInput = { ...readNamed(input, "input", ["result", "by"]) };
  const by = optional(given, "by", readKind);
  const result = await readJson(given, "result", maxBytes, inputs);
  return { status: "completed", ...result, ...by, token: lease.leaseId };
}

export function readFail(lease: HeldLease, input: unknown, inputs: InputReader): NewEnd {
  const { error, ...given } = { ...readNamed(input, "input", ["error", "by"]) } as FailInput;
  const by = optional(given, "by", readKind);
  return { status: "failed", error: inputs.longText(error, "error"), ...by, token: lease.leaseId };
}

export function readCancel(input: unknown, inputs: InputReader): Stop<NewEnd> {
  const { made, held } = readStop(input, inputs);
  return { made: { status: "cancelled", ...made }, held };
}

export function readHalt(input: unknown, inputs: InputReader): Stop<NewEnd> {
  const { made, held } = readStop(input, inputs);
  const { reason, ...rest } = made;
  return { made: { status: "halted", reason: inputs.longText(reason, "reason"), ...rest }, held };
}

export function readStop(input: unknown, inputs: InputReader): Stop<NewPause> {
  const given: StopInput = { ...readNamed(input, "input", ["reason", "by", "lease", "token"]) };
  const held = "lease" in given ? readLease(given.lease) : undefined;
  const made = {
    ...optional(given, "reason", inputs.longText),
    ...optional(given, "by", readKind),
    ...(held && { token: held.leaseId }),
    ...optional(given, "token", readEventId),
  };
  return { made, held };
}

export function readResume(input: unknown): NewResume {
  const given: ResumeInput = { ...readNamed(input, "input", ["by", "token"]) };
  return { ...optional(given, "by", readKind), ...optional(given, "token", readEventId) };
}

/** Reads the key of a step: 1 to 512 UTF-8 bytes. */
export function readStepKey(value: unknown): string {
  return readKind(value, "key");
}

export async function readBeginStep(
  input: unknown,
  maxBytes: number,
  inputs: InputReader,
): Promise<StepNotes> {
  const given: BeginStepInput = { ...readNamed(input, "input", ["name", "metadata"]) };
  const name = optional(given, "name", readKind);
  return { ...name, ...(await readJson(given, "metadata", maxBytes, inputs)) };
}

export async function readFinishStep(
  lease: HeldLease,
  input: unknown,
  maxBytes: number,
  inputs: InputReader,
): Promise<NewStepEnd> {
  const given: FinishStepInput = { ...readNamed(input, "input", ["usage", "result", "error", "complete"]) };
  const end = {
    usage: readUsage("usage" in given ? given.usage : {}, "usage", 1),
    ...optional(given, "error", inputs.longText),
  };
  for (const name of ["result", "complete"])
    if ("error" in given && name in given) throw invalid(name, "left out of a step that failed");
  const [result, ending] = await Promise.all([
    readJson(given, "result", maxBytes, inputs),
    "complete" in given ? readComplete(lease, given.complete, maxBytes, inputs) : undefined,
  ]);
  return { ...end, ...result, ...(ending && { ending }) };
}

function readHolder(worker: unknown, leaseMs: unknown): NewClaim & { readonly leaseId: EventId } {
  return {
    worker: readKind(worker, "worker"),
    leaseMs: readLeaseMs(leaseMs, "leaseMs"),
    leaseId: newEventId(),
  };
}

/** Checks and copies an optional field of a caller's JSON. */
async function readJson<N extends string>(
  given: { readonly [K in N]?: unknown },
  name: N,
  maxBytes: number,
  inputs: InputReader,
): Promise<{ readonly [K in N]?: JsonValue }> {
  if (!(name in given)) return {};
  return { [name]: await inputs.jsonInSlices(given[name], name, maxBytes) } as { [K in N]?: JsonValue };
}
