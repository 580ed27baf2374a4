import { invalid } from "../contract/errors.js";
import { ACT_FIELDS, type ActInput, readAct } from "../lifecycle/acts.js";
import type { Repeatable } from "../lifecycle/repeat.js";
import type { InputReader } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional, readTtl } from "../validation/fields.js";
import { readNamed, readOneOf } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import { digestOfCall } from "./digest.js";
import { readAssignee } from "./stored-acts.js";
import type { NewAssignment, NewClaim, NewOutcome, NewRefusal, NewRevocation } from "./transitions.js";

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
   * request expires. Of several people who approve, the shortest time counts.
   */
  readonly ttlMs?: number;
  /**
   * With `approve`: other arguments than those that were asked for, any JSON. What may be claimed is then the call with
   * these. Of several people who approve, each has to give the same. Values larger than 32 KiB must not change until the
   * promise settles.
   */
  readonly arguments?: JsonValue | object;
  /** The group that they decide for. Needed with `approve` where the request names groups. */
  readonly group?: string;
}

/** The withdrawal of a pending request. */
export interface CancelInput extends ActInput {}

/** The withdrawal of an approval that nobody has claimed. */
export interface RevokeInput extends ActInput {}

/** The end of all that is pending or approved in a session, or in one of its runs. */
export interface CancelAllInput extends Omit<ActInput, "token"> {
  /** Only what this run requested. */
  readonly run?: string;
}

/** A change of who should decide. */
export interface ReassignInput extends ActInput {
  /** Who should decide: 1 to 512 UTF-8 bytes; `null`: nobody in particular. */
  readonly assignee: string | null;
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

/** A decision as somebody makes it. */
export interface ReadDecision {
  readonly decision: "approve" | "deny";
  readonly made: NewRefusal;
  /** The arguments that they put in place of those that were asked for. */
  readonly edit?: JsonValue;
}

export async function readDecide(
  input: unknown,
  maxBytes: number,
  inputs: InputReader,
): Promise<ReadDecision> {
  const names = ["decision", "by", "reason", "token", "ttlMs", "arguments", "group"];
  const { decision, by, ...given } = { ...readNamed(input, "input", names) } as DecideInput;
  const read = readOneOf(decision, "decision", ["approve", "deny"]);
  if (read === "deny")
    for (const name of ["ttlMs", "arguments"])
      if (name in given) throw invalid(name, "left out, unless the decision is to approve");
  const made = {
    status: read === "approve" ? ("approved" as const) : ("denied" as const),
    by: readKind(by, "by"),
    ...optional(given, "group", readKind),
    ...optional(given, "reason", inputs.longText),
    ...optional(given, "token", readEventId),
    ...optional(given, "ttlMs", readTtl),
  };
  if (!("arguments" in given)) return { decision: read, made };
  return { decision: read, made, edit: await inputs.jsonInSlices(given.arguments, "arguments", maxBytes) };
}

export function readCancel(input: unknown, inputs: InputReader): NewRefusal {
  return { status: "cancelled", ...readAct(readNamed(input, "input", ACT_FIELDS), inputs) };
}

export function readRevoke(input: unknown, inputs: InputReader): NewRevocation {
  return readAct(readNamed(input, "input", ACT_FIELDS), inputs);
}

export function readReassign(input: unknown, inputs: InputReader): NewAssignment {
  const { assignee, ...act } = { ...readNamed(input, "input", [...ACT_FIELDS, "assignee"]) } as ReassignInput;
  return { ...readAct(act, inputs), assignee: readAssignee(assignee) };
}

export async function readClaim(
  input: unknown,
  maxBytes: number,
  inputs: InputReader,
): Promise<{ readonly digest: string; readonly newClaim: NewClaim }> {
  const names = ["tool", "arguments", "by", "token"];
  const { tool, arguments: args, ...given } = { ...readNamed(input, "input", names) } as ClaimInput;
  const named = readKind(tool, "tool");
  const newClaim = { ...optional(given, "by", readKind), ...optional(given, "token", readEventId) };
  const digest = await digestOfCall(named, await inputs.jsonInSlices(args, "arguments", maxBytes));
  return { digest, newClaim: newClaim };
}

export async function readComplete(
  input: unknown,
  maxBytes: number,
  inputs: InputReader,
): Promise<NewOutcome> {
  const given: CompleteInput = { ...readNamed(input, "input", ["result", "by", "token"]) };
  const rest = { ...optional(given, "by", readKind), ...optional(given, "token", readEventId) };
  if (!("result" in given)) return rest;
  return { result: await inputs.jsonInSlices(given.result, "result", maxBytes), ...rest };
}

export function readFail(input: unknown, inputs: InputReader): NewOutcome {
  const { error, ...given } = { ...readNamed(input, "input", ["error", "by", "token"]) } as FailInput;
  return {
    error: inputs.longText(error, "error"),
    ...optional(given, "by", readKind),
    ...optional(given, "token", readEventId),
  };
}
