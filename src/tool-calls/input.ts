import type { ContentRef } from "../content/content-ref.js";
import { largeJsonOf, tooLarge } from "../content/large-json.js";
import { isStateError } from "../contract/errors.js";
import { acceptParsed } from "../lifecycle/parsed-json.js";
import type { Repeatable, StoredAct } from "../lifecycle/repeat.js";
import type { InputReader } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import { readScopedId } from "../typed/names.js";
import { optional } from "../validation/fields.js";
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
   * Any JSON up to `maxJsonBytes`. Values larger than 32 KiB are copied in slices and must not change until the promise
   * settles. What the record of the intent has no room for lies in chunks.
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
  /** Any JSON up to `maxJsonBytes`. What the record of the call has no room for lies in chunks. */
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

/** The part of a call that never changes, as it is stored: large arguments lie elsewhere. */
export type StoredIntent = Omit<BeginInput, "id" | "token" | "arguments"> & {
  readonly arguments?: JsonValue;
};

/** The same with its arguments. */
export type Intent = StoredIntent & { readonly arguments: JsonValue };

/** What came of a call, as it is stored: a large result lies elsewhere. */
export type StoredOutcome = StoredAct<CallOutcome> & { readonly resultAt?: ContentRef };

/** What came of a call, as somebody reports it. */
export type NewOutcome = Omit<StoredOutcome, "at">;

/** How much JSON there may be. */
export interface JsonLimits {
  /** In a record. */
  readonly maxBytes: number;
  /** In all. */
  readonly maxJsonBytes: number;
}

/**
 * The state around a result has to fit into the record too: times, a digest, where large arguments are, the token of `begin`
 * with every character escaped.
 */
const ROOM_BESIDE_RESULT = 2048;
/** A time, and names of fields. */
const ROOM_BESIDE_INTENT = 128;

const FIELDS = ["id", "tool", "arguments", "sideEffect", "run", "step", "approval", "token"];

type ReadJson = (value: unknown, field: string) => JsonValue;

/** Checks and copies a call. INVALID_RECORD. */
export async function readBegin(
  input: unknown,
  { maxBytes, maxJsonBytes }: JsonLimits,
  inputs: InputReader,
): Promise<{
  readonly id: string;
  readonly intent: Intent;
  /** Arguments that the record of the intent has no room for. */
  readonly json: Uint8Array | undefined;
  readonly token?: string;
}> {
  const given: Partial<BeginInput> = { ...readNamed(input, "call", FIELDS) };
  const id = readScopedId(given.id, "id");
  const token = optional(given, "token", readEventId);
  const unread = readIntent(given, (value) => value as JsonValue);
  const args = await copyLargeJson(unread.arguments, "arguments", maxJsonBytes, inputs);
  const beside = ROOM_BESIDE_INTENT + Buffer.byteLength(JSON.stringify({ ...unread, arguments: null }));
  const json = largeJsonOf(args, "arguments", { room: maxBytes - beside, most: maxJsonBytes });
  return { id, intent: { ...unread, arguments: args }, json, ...token };
}

/** Reads the content of a call as it is stored. */
export function readStoredIntent(given: Partial<BeginInput>): StoredIntent {
  if ("arguments" in given) return readIntent(given, acceptParsed);
  const { arguments: _, ...intent } = readIntent({ ...given, arguments: {} }, acceptParsed);
  return intent;
}

function readIntent(given: Partial<BeginInput>, readValue: ReadJson): Intent {
  return {
    tool: readKind(given.tool, "tool"),
    arguments: readValue(given.arguments, "arguments"),
    ...optional(given, "sideEffect", readKind),
    ...optional(given, "run", readKind),
    ...optional(given, "step", readKind),
    ...optional(given, "approval", readScopedId),
  };
}

/** `json`: a result that the record of the call has no room for. The outcome has it too. */
export async function readSucceed(
  input: unknown,
  { maxBytes, maxJsonBytes }: JsonLimits,
  inputs: InputReader,
): Promise<{ readonly made: NewOutcome; readonly json?: Uint8Array | undefined }> {
  const given: SucceedInput = { ...readNamed(input, "input", ["result", "by", "token"]) };
  const rest = readWho(given);
  if (!("result" in given)) return { made: rest };
  const result = await copyLargeJson(given.result, "result", maxJsonBytes, inputs);
  const beside = ROOM_BESIDE_RESULT + Buffer.byteLength(JSON.stringify(rest));
  const json = largeJsonOf(result, "result", { room: maxBytes - beside, most: maxJsonBytes });
  return { made: { result, ...rest }, json };
}

export function readFailCall(input: unknown, inputs: InputReader): NewOutcome {
  const given = { ...readNamed(input, "input", ["error", "by", "token"]) } as FailCallInput;
  return { error: inputs.longText(given.error, "error"), ...readWho(given) };
}

export function readAbandon(input: unknown, inputs: InputReader): NewOutcome {
  const given = { ...readNamed(input, "input", ["reason", "by", "token"]) } as AbandonInput;
  return { reason: inputs.longText(given.reason, "reason"), ...readWho(given) };
}

function readWho(given: Repeatable & { readonly by?: string }) {
  return { ...optional(given, "by", readKind), ...optional(given, "token", readEventId) };
}

/** INVALID_RECORD; for a value that is too large with what to do. */
function copyLargeJson(value: unknown, field: string, most: number, inputs: InputReader): Promise<JsonValue> {
  return inputs.jsonInSlices(value, field, most).catch((error) => {
    throw isStateError(error, "INVALID_RECORD") && error.details.rule.startsWith("smaller")
      ? tooLarge(field, most)
      : error;
  });
}
