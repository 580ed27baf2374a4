import { invalid } from "../contract/errors.js";
import { newEventId } from "../process/event-id.js";
import { type HeldLease, readLeaseMs } from "../runs/lease.js";
import type { InputReader } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import { readScopedId } from "../typed/names.js";
import { optional } from "../validation/fields.js";
import { readBoolean, readNamed, readOneOf } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import type { NewSchedule } from "./schedule.js";
import { readRules } from "./stored-schedule.js";
import type { NewClaim, NewOutcome, NewRules } from "./transitions.js";
import { readWhen } from "./when.js";

/** Who claims an occurrence, and for how long. */
export interface ClaimDueInput {
  /** Who works on it: 1 to 512 UTF-8 bytes. */
  readonly worker: string;
  /** How long it is the worker's alone, unless it renews the lease: 1 to 86,400,000 milliseconds. */
  readonly leaseMs: number;
  /**
   * Makes the claim repeatable: 1 to 128 UTF-8 bytes, unique to this claim. While the lease lasts, the same call again gets the
   * same occurrence and lease, also if the answer was lost.
   */
  readonly token?: string;
}

/** For how long a lease is renewed. */
export interface RenewOccurrenceInput {
  /** From now on: 1 to 86,400,000 milliseconds. */
  readonly leaseMs: number;
}

/** How an occurrence ended. */
export interface FinishInput {
  /** Whether what was to be done was done. */
  readonly status: "completed" | "failed";
  /** Why it failed: up to 16 KiB. With `failed` it has to be said, and with `completed` it must not. */
  readonly error?: string;
  /** The id of the run that did it: 1 to 512 UTF-8 bytes. */
  readonly run?: string;
}

/** A put that was read. */
export interface ReadPut {
  readonly name: string;
  readonly enabled: boolean | undefined;
  readonly rules: NewRules;
  /** The caller's id of the call. */
  readonly id: string | undefined;
}

const PUT_FIELDS: readonly (keyof NewSchedule)[] = [
  "name",
  "when",
  "action",
  "enabled",
  "source",
  "missed",
  "maxMissed",
  "graceMs",
  "onCrash",
  "maxAttempts",
  "keep",
  "id",
];
const MAX_ACTION_BYTES = 64 * 1024;

/** Reads what `put` is given. INVALID_RECORD. */
export function readPut(schedule: unknown, inputs: InputReader): ReadPut {
  const given = readNamed(schedule, "schedule", PUT_FIELDS) as NewSchedule;
  return {
    name: readKind(given.name, "name"),
    enabled: "enabled" in given ? readBoolean(given.enabled, "enabled") : undefined,
    rules: { when: readWhen(given.when), action: readAction(given.action, inputs), ...readRules(given) },
    id: "id" in given ? readScopedId(given.id, "id") : undefined,
  };
}

export function readClaim(input: unknown): NewClaim {
  const names = ["worker", "leaseMs", "token"];
  const { worker, leaseMs, ...given } = { ...readNamed(input, "input", names) } as ClaimDueInput;
  const { token } = optional(given, "token", readEventId);
  return {
    worker: readKind(worker, "worker"),
    leaseMs: readLeaseMs(leaseMs, "leaseMs"),
    leaseId: newEventId(),
    ...(token !== undefined && { token, next: true }),
  };
}

export function readRenew(input: unknown): number {
  const { leaseMs } = readNamed(input, "input", ["leaseMs"]) as RenewOccurrenceInput;
  return readLeaseMs(leaseMs, "leaseMs");
}

/** The lease stands for a token: the same call with it is recognised. */
export function readFinish({ leaseId }: HeldLease, input: unknown, inputs: InputReader): NewOutcome {
  const given = readNamed(input, "input", ["status", "error", "run"]) as FinishInput;
  const status = readOneOf(given.status, "status", ["completed", "failed"]);
  if ("error" in given !== (status === "failed"))
    throw invalid("error", "given with the status failed, and with no other");
  return {
    status,
    ...optional(given, "error", inputs.longText),
    ...optional(given, "run", readKind),
    token: leaseId,
  };
}

function readAction(value: unknown, inputs: InputReader): JsonValue {
  const action = inputs.json(value, "action");
  if (Buffer.byteLength(JSON.stringify(action)) > MAX_ACTION_BYTES)
    throw invalid("action", `at most ${MAX_ACTION_BYTES} bytes of JSON`);
  return action;
}
