import { invalid, isStateError } from "../contract/errors.js";
import { copyJsonInSlices } from "../typed/json-copy.js";
import type { JsonValue } from "../typed/json-value.js";
import { readScopedId } from "../typed/names.js";
import { readInteger, readNamed } from "../validation/validate.js";
import { readKind, readText } from "../validation/validate-text.js";

/** A request for approval of a tool call. Names are 1 to 512 UTF-8 bytes. */
export interface ApprovalRequest {
  /** The tool that is to be called. */
  readonly tool: string;
  /**
   * Any JSON. The whole request must fit into the store's `maxBytes`. Values larger than 32 KiB are copied in slices and
   * must not change until the promise settles.
   */
  readonly arguments: JsonValue | object;
  /** What the call does outside, in the caller's words, such as `write`. */
  readonly sideEffect?: string;
  /** The question to the decider; up to 16 KiB. */
  readonly question?: string;
  /** Who asks. Needed where `requireOtherDecider` is set. */
  readonly requester?: string;
  /** The run that asks. */
  readonly run?: string;
  /** The step that asks. */
  readonly step?: string;
  /** Where the request came from: any JSON. */
  readonly sender?: JsonValue | object;
  /** For how long the approval can be decided and claimed, in milliseconds: 1 to ten years. Default 30 minutes. */
  readonly ttlMs?: number;
  /** The caller's idempotency key, 1 to 105 UTF-8 bytes. It becomes the approval's id. A repeated request is a duplicate. */
  readonly id?: string;
}

/** A request as it is stored. */
export interface StoredRequest extends Omit<ApprovalRequest, "id"> {
  readonly arguments: JsonValue;
  readonly sender?: JsonValue;
  readonly ttlMs: number;
}

const DEFAULT_TTL_MS = 30 * 60_000;
const MAX_TTL_MS = 10 * 365 * 86_400_000;
const MAX_TEXT_BYTES = 16_384;
const REQUEST_FIELDS = [
  "tool",
  "arguments",
  "sideEffect",
  "question",
  "requester",
  "run",
  "step",
  "sender",
  "ttlMs",
  "id",
];

type ReadJson = (value: unknown, field: string) => JsonValue;

/** Accepts a value that came from parsed JSON. */
export const acceptParsed: ReadJson = (value, field) => {
  if (value === undefined) throw invalid(field, "JSON");
  return value as JsonValue;
};

/** Accepts a value that `readJson` checks and copies later. */
const acceptUnread: ReadJson = (value) => value as JsonValue;

/** Checks and copies a request. INVALID_RECORD, also as soon as it must exceed `maxBytes`. */
export async function readRequest(
  request: unknown,
  maxBytes: number,
): Promise<{ readonly content: StoredRequest; readonly id?: string }> {
  const given: Partial<ApprovalRequest> = {
    ttlMs: DEFAULT_TTL_MS,
    ...readNamed(request, "request", REQUEST_FIELDS),
  };
  const content = readContent(given, acceptUnread);
  const id = optional(given, "id", readScopedId);
  // Both copies begin before the first await, so a small value is copied before the caller can change it.
  const [args, sender] = await Promise.all([
    readJson(content.arguments, "arguments", maxBytes),
    "sender" in content ? readJson(content.sender, "sender", maxBytes) : undefined,
  ]);
  return { content: { ...content, arguments: args, ...(sender === undefined ? {} : { sender }) }, ...id };
}

/** Checks and copies a caller's JSON. */
export async function readJson(value: unknown, field: string, maxBytes: number): Promise<JsonValue> {
  return copyJsonInSlices(value, field, maxBytes);
}

/** Reads the content of a request, from a caller or from a record. */
export function readContent(given: Partial<ApprovalRequest>, readValue: ReadJson): StoredRequest {
  return {
    tool: readKind(given.tool, "tool"),
    arguments: readValue(given.arguments, "arguments"),
    ...optional(given, "sideEffect", readKind),
    ...optional(given, "question", readLongText),
    ...optional(given, "requester", readKind),
    ...optional(given, "run", readKind),
    ...optional(given, "step", readKind),
    ...optional(given, "sender", readValue),
    ttlMs: readTtl(given.ttlMs, "ttlMs"),
  };
}

/** Turns an error about too many bytes into INVALID_RECORD of the large field. Returns any other error unchanged. */
export function nameLargeField(error: unknown, request: StoredRequest): unknown {
  if (!isStateError(error, "INVALID_RECORD")) return error;
  const { field, rule } = error.details;
  if (field !== "bytes" && field !== "value") return error;
  const largeField = (["arguments", "sender"] as const).find(
    (name) => name in request && 2 * sizeOf(request[name]) > sizeOf(request),
  );
  return largeField === undefined
    ? error
    : invalid(largeField, `smaller: with the rest of the request, ${rule}`);
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Reads an optional field. A field that is present but `undefined` is passed to the reader, which refuses it. */
export function optional<N extends string, V>(
  given: { readonly [K in N]?: unknown },
  name: N,
  read: (value: unknown, field: string) => V,
): { readonly [K in N]?: V } {
  return (name in given ? { [name]: read(given[name], name) } : {}) as { [K in N]?: V };
}

/** Reads a boolean option; default false. */
export function readFlag<N extends string>(given: { readonly [K in N]?: unknown }, name: N): boolean {
  if (!(name in given)) return false;
  const value = given[name];
  if (typeof value !== "boolean") throw invalid(name, "true or false");
  return value;
}

/** Reads a text for people: up to 16 KiB. */
export function readLongText(value: unknown, field: string): string {
  return readText(value, field, MAX_TEXT_BYTES);
}

export function readTtl(value: unknown, field: string): number {
  return readInteger(value, field, 1, MAX_TTL_MS);
}
