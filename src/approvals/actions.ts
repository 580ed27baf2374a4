import { invalid } from "../contract/errors.js";
import type { Repeatable } from "../lifecycle/repeat.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional, readLongText, readTtl } from "../validation/fields.js";
import { readNamed, readOneOf } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import { digestOfCall } from "./digest.js";
import { readJson } from "./request.js";
import type { NewClaim, NewOutcome, Settlement } from "./transitions.js";

/** A decision on a pending approval. */
export interface DecideInput extends Repeatable {
  /** What is decided. */
  readonly decision: "approve" | "deny";
  /** Who decides: 1 to 512 UTF-8 bytes. */
  readonly by: string;
  /** Up to 16 KiB. */
  readonly reason?: string;
  /**
   * With `approve`: for how long the call can be claimed from now on, in milliseconds, 1 to ten years. Default: until the
   * request expires.
   */
  readonly ttlMs?: number;
}

/** The withdrawal of a pending request. */
export interface CancelInput extends Repeatable {
  /** Who cancels: 1 to 512 UTF-8 bytes. */
  readonly by: string;
  /** Up to 16 KiB. */
  readonly reason?: string;
}

/** The claim of an approved call: which call, and by whom. */
export interface ClaimInput extends Repeatable {
  /** The tool that is about to be called. DIGEST_MISMATCH if the call is not the one that was requested. */
  readonly tool: string;
  /** The arguments of that call: any JSON. Values larger than 32 KiB must not change until the promise settles. */
  readonly arguments: JsonValue | object;
  /** Who makes the call: 1 to 512 UTF-8 bytes. */
  readonly by?: string;
}

/** What a claimed call returned. */
export interface CompleteInput extends Repeatable {
  /** Any JSON. Values larger than 32 KiB must not change until the promise settles. */
  readonly result?: JsonValue | object;
  /** Who says so: 1 to 512 UTF-8 bytes. */
  readonly by?: string;
}

/** Why a claimed call failed. */
export interface FailInput extends Repeatable {
  /** Up to 16 KiB. */
  readonly error: string;
  /** Who says so: 1 to 512 UTF-8 bytes. */
  readonly by?: string;
}

export function readDecide(input: unknown): Settlement {
  const names = ["decision", "by", "reason", "token", "ttlMs"];
  const { decision, by, ...given } = { ...readNamed(input, "input", names) } as DecideInput;
  const approve = readOneOf(decision, "decision", ["approve", "deny"]) === "approve";
  if (!approve && "ttlMs" in given) throw invalid("ttlMs", "left out, unless the decision is to approve");
  return {
    status: approve ? "approved" : "denied",
    by: readKind(by, "by"),
    ...optional(given, "reason", readLongText),
    ...optional(given, "token", readEventId),
    ...optional(given, "ttlMs", readTtl),
  };
}

export function readCancel(input: unknown): Settlement {
  const { by, ...given } = { ...readNamed(input, "input", ["by", "reason", "token"]) } as CancelInput;
  return {
    status: "cancelled",
    by: readKind(by, "by"),
    ...optional(given, "reason", readLongText),
    ...optional(given, "token", readEventId),
  };
}

export async function readClaim(
  input: unknown,
  maxBytes: number,
): Promise<{ readonly digest: string; readonly newClaim: NewClaim }> {
  const names = ["tool", "arguments", "by", "token"];
  const { tool, arguments: args, ...given } = { ...readNamed(input, "input", names) } as ClaimInput;
  const named = readKind(tool, "tool");
  const newClaim = { ...optional(given, "by", readKind), ...optional(given, "token", readEventId) };
  const digest = await digestOfCall(named, await readJson(args, "arguments", maxBytes));
  return { digest, newClaim: newClaim };
}

export async function readComplete(input: unknown, maxBytes: number): Promise<NewOutcome> {
  const given: CompleteInput = { ...readNamed(input, "input", ["result", "by", "token"]) };
  const rest = { ...optional(given, "by", readKind), ...optional(given, "token", readEventId) };
  if (!("result" in given)) return rest;
  return { result: await readJson(given.result, "result", maxBytes), ...rest };
}

export function readFail(input: unknown): NewOutcome {
  const { error, ...given } = { ...readNamed(input, "input", ["error", "by", "token"]) } as FailInput;
  return {
    error: readLongText(error, "error"),
    ...optional(given, "by", readKind),
    ...optional(given, "token", readEventId),
  };
}
