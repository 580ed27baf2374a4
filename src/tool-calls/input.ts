import { invalid, isStateError } from "../contract/errors.js";
import { acceptParsed } from "../lifecycle/parsed-json.js";
import type { Repeatable, StoredAct } from "../lifecycle/repeat.js";
import { copyJsonInSlices } from "../typed/json-copy.js";
import type { JsonValue } from "../typed/json-value.js";
import { readScopedId } from "../typed/names.js";
import { optional, readLongText } from "../validation/fields.js";
import { readNamed } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import type { CallOutcome } from "./tool-call.js";

/** A call that is about to be made. Names are 1 to 512 UTF-8 bytes. */
export interface BeginInput extends Repeatable {
  /** The caller's id of the call, 1 to 105 UTF-8 bytes, such as that of the step. Nothing begins twice under one id. */
  readonly id: string;
  /** The tool. */
  readonly tool: string;
  /**
   * Any JSON. The whole intent must fit into the store's `maxBytes`. Values larger than 32 KiB are copied in slices and must
   * not change until the promise settles.
   */
  readonly arguments: JsonValue | object;
  /** What the call does outside, in the caller's words, such as `write`. */
  readonly sideEffect?: string;
  /** The run that makes the call. */
  readonly run?: string;
  /** The step of the run. */
  readonly step?: string;
  /** The id of an approval of exactly this call, in the same session. It is claimed in the commit that begins the call. */
  readonly approval?: string;
}

/** What a call returned. */
export interface SucceedInput extends Repeatable {
  /** Any JSON that fits into a record. Of what is larger, keep a reference. */
  readonly result?: JsonValue | object;
  /** Who says so: 1 to 512 UTF-8 bytes. */
  readonly by?: string;
}

/** Why a call failed. */
export interface FailCallInput extends Repeatable {
  /** Up to 16 KiB. */
  readonly error: string;
  /** Who says so: 1 to 512 UTF-8 bytes. */
  readonly by?: string;
}

/** Why nobody will know what came of a call. */
export interface AbandonInput extends Repeatable {
  /** Up to 16 KiB. */
  readonly reason: string;
  /** Who decides so: 1 to 512 UTF-8 bytes. */
  readonly by?: string;
}

/** The part of a call that never changes, as it is stored. */
export type StoredIntent = Omit<BeginInput, "id" | "token" | "arguments"> & { readonly arguments: JsonValue };

/** What came of a call, as somebody reports it. */
export type NewOutcome = Omit<StoredAct<CallOutcome>, "at">;

/** The state around a result has to fit into the record too: times, a digest, the token of `begin` with every character escaped. */
const ROOM_BESIDE_RESULT = 2048;

const FIELDS = ["id", "tool", "arguments", "sideEffect", "run", "step", "approval", "token"];

type ReadJson = (value: unknown, field: string) => JsonValue;

/** Checks and copies a call. INVALID_RECORD. */
export async function readBegin(
  input: unknown,
  maxBytes: number,
): Promise<{ readonly id: string; readonly intent: StoredIntent; readonly token?: string }> {
  const given: Partial<BeginInput> = { ...readNamed(input, "call", FIELDS) };
  const id = readScopedId(given.id, "id");
  const token = optional(given, "token", readEventId);
  const unread = readIntent(given, (value) => value as JsonValue);
  const args = await copyJsonInSlices(unread.arguments, "arguments", maxBytes);
  return { id, intent: { ...unread, arguments: args }, ...token };
}

/** Reads the content of a call, from a caller or from a record. */
export function readIntent(given: Partial<BeginInput>, readValue: ReadJson = acceptParsed): StoredIntent {
  return {
    tool: readKind(given.tool, "tool"),
    arguments: readValue(given.arguments, "arguments"),
    ...optional(given, "sideEffect", readKind),
    ...optional(given, "run", readKind),
    ...optional(given, "step", readKind),
    ...optional(given, "approval", readScopedId),
  };
}

export async function readSucceed(input: unknown, maxBytes: number): Promise<NewOutcome> {
  const given: SucceedInput = { ...readNamed(input, "input", ["result", "by", "token"]) };
  const rest = readWho(given);
  if (!("result" in given)) return rest;
  const beside = ROOM_BESIDE_RESULT + Buffer.byteLength(JSON.stringify(rest));
  return { result: await readResult(given.result, maxBytes - beside), ...rest };
}

export function readFailCall(input: unknown): NewOutcome {
  const given = { ...readNamed(input, "input", ["error", "by", "token"]) } as FailCallInput;
  return { error: readLongText(given.error, "error"), ...readWho(given) };
}

export function readAbandon(input: unknown): NewOutcome {
  const given = { ...readNamed(input, "input", ["reason", "by", "token"]) } as AbandonInput;
  return { reason: readLongText(given.reason, "reason"), ...readWho(given) };
}

function readWho(given: Repeatable & { readonly by?: string }) {
  return { ...optional(given, "by", readKind), ...optional(given, "token", readEventId) };
}

/** INVALID_RECORD; for a result that is too large with what to do. */
async function readResult(value: unknown, mostBytes: number): Promise<JsonValue> {
  const result = await copyJsonInSlices(value, "result", mostBytes).catch((error) => {
    throw isStateError(error, "INVALID_RECORD") && error.details.rule.startsWith("smaller")
      ? tooLarge(mostBytes)
      : error;
  });
  if (Buffer.byteLength(JSON.stringify(result)) > mostBytes) throw tooLarge(mostBytes);
  return result;
}

function tooLarge(mostBytes: number) {
  return invalid(
    "result",
    `at most ${mostBytes} bytes of JSON: store a larger one elsewhere, and report a reference to it as the result`,
  );
}
